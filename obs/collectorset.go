package obs

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// collectorSet is the collectors of one instance as one collector: they are
// registered and unregistered together or not at all, and a scrape costs one
// goroutine per instance rather than one per metric. Its set of descriptors is
// fixed at construction, which is what makes unregistering it reliable.
//
// A scrape collects on goroutines of its own. A collector that panics costs its
// own series, never those of others, and the scrape counts an error.
type collectorSet struct {
	// labels are those of all of them. To add a label when they are collected, as
	// the library can, copies and sorts the labels of each series at each scrape.
	labels     prometheus.Labels
	collectors []prometheus.Collector
	onPanic    guard.Report
	// defined takes what the collectors are of, where somebody wants to know: a
	// thousand instances have no need to.
	defined *[]Metric
}

// define notes what a collector is of.
func (s *collectorSet) define(m Metric) {
	if s.defined != nil {
		*s.defined = append(*s.defined, m)
	}
}

// Describe implements prometheus.Collector.
func (s *collectorSet) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.collectors {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (s *collectorSet) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.collectors {
		guard.Do("metrics", s.failed(ch), func() { c.Collect(ch) })
	}
}

// failed reports a panic and makes it an error of the scrape.
func (s *collectorSet) failed(ch chan<- prometheus.Metric) guard.Report {
	return func(p *guard.Panic) {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(p), p)
		if s.onPanic != nil {
			s.onPanic(p)
		}
	}
}

func add[C prometheus.Collector](s *collectorSet, c C) C {
	s.collectors = append(s.collectors, c)
	return c
}

func (s *collectorSet) counter(name, help string) prometheus.Counter {
	s.define(Metric{Name: name, Type: "counter", Help: help})
	return add(s, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels}))
}

func (s *collectorSet) gauge(name, help string) prometheus.Gauge {
	s.define(Metric{Name: name, Type: "gauge", Help: help})
	return add(s, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: s.labels}))
}

func (s *collectorSet) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	s.define(Metric{Name: name, Type: "counter", Help: help, Labels: labels})
	return add(s, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels}, labels))
}

// enumCounter is a counter with one label, whose values are known but for other.
func (s *collectorSet) enumCounter(name, help, label string, known ...string) *enumCounter {
	s.define(Metric{Name: name, Type: "counter", Help: help, Labels: []string{label}, Values: known})
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels}, []string{label})
	return &enumCounter{vec: add(s, vec), known: known}
}

func (s *collectorSet) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	s.define(Metric{Name: name, Type: "gauge", Help: help, Labels: labels})
	return add(s, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: s.labels}, labels))
}

func (s *collectorSet) histogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	s.define(Metric{Name: name, Type: "histogram", Help: help, Labels: labels, Buckets: buckets})
	return add(s, prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: s.labels, Buckets: buckets}, labels))
}

func (s *collectorSet) histogram(name, help string, buckets []float64) prometheus.Histogram {
	s.define(Metric{Name: name, Type: "histogram", Help: help, Buckets: buckets})
	return add(s, prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: s.labels, Buckets: buckets}))
}

// lazyHistogram is a histogram without labels whose series appear with the
// first observation. An instance that never committed anything would otherwise
// pay for all buckets in memory and in every scrape.
func (s *collectorSet) lazyHistogram(name, help string, buckets []float64) func() prometheus.Histogram {
	vec := s.histogramVec(name, help, buckets)
	return sync.OnceValue(func() prometheus.Histogram { return vec.WithLabelValues().(prometheus.Histogram) })
}

// lazyGauge is a gauge without labels that is absent until it is first used.
func (s *collectorSet) lazyGauge(name, help string) func() prometheus.Gauge {
	vec := s.gaugeVec(name, help)
	return sync.OnceValue(func() prometheus.Gauge { return vec.WithLabelValues() })
}
