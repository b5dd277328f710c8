package obs

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// collectorSet is the collectors of one instance as one collector: they are
// registered and unregistered together or not at all, and a scrape costs one
// goroutine per instance rather than one per metric.
//
// A scrape collects on goroutines of its own. A collector that panics costs its
// own series, never those of others, and the scrape counts an error.
type collectorSet struct {
	// labels are those of all of them. To add a label when they are collected, as
	// the library can, copies and sorts the labels of each series at each scrape.
	labels  prometheus.Labels
	onPanic guard.Report
	// defined takes what the collectors are of, where somebody wants to know: a
	// thousand instances have no need to.
	defined *[]Metric

	// fixed are there from the construction on, and described.
	fixed []prometheus.Collector
	// numbers are those of an instance, and pairs their labels.
	numbers []*number
	pairs   []*dto.LabelPair

	mu   sync.Mutex
	made []prometheus.Collector // with their first use, see lazy
}

// define notes what a collector is of.
func (s *collectorSet) define(m *Metric) {
	if s.defined != nil {
		*s.defined = append(*s.defined, *m)
	}
}

// Describe implements prometheus.Collector. An instance's set is described by the
// first of its numbers alone, always in the same way: that tells it from those of
// others and makes unregistering it reliable, and the registry needs no more.
func (s *collectorSet) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.fixed {
		c.Describe(ch)
	}
	if len(s.numbers) > 0 {
		ch <- newDesc(&s.numbers[0].of.Metric, s.labels)
	}
}

// Collect implements prometheus.Collector.
func (s *collectorSet) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	made := slices.Clip(s.made) // only ever appended to
	s.mu.Unlock()
	for _, n := range s.numbers {
		if n.shown.Load() {
			ch <- n
		}
	}
	failed := s.failed(ch)
	for _, collectors := range [][]prometheus.Collector{s.fixed, made} {
		for _, c := range collectors {
			guard.Do("metrics", failed, func() { c.Collect(ch) })
		}
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
	s.fixed = append(s.fixed, c)
	return c
}

// always is a collector whose series is there from the start.
func always[C prometheus.Collector](s *collectorSet, of *Metric, create func(*Metric, prometheus.Labels) C) C {
	s.define(of)
	return add(s, create(of, s.labels))
}

// lazy is a collector that is made with its first use, and whose series are not there
// before. Most instances of a thousand do nothing for most of the time: with all of
// theirs each took 25 kB more, and every scrape went through them. It is safe for
// concurrent use.
type lazy[C prometheus.Collector] struct {
	set    *collectorSet
	of     *Metric
	create func(*Metric, prometheus.Labels) C
	made   atomic.Pointer[C]
}

// define says to which set the collector belongs, and what it is. It comes first.
func (l *lazy[C]) define(s *collectorSet, of *Metric, create func(*Metric, prometheus.Labels) C) {
	s.define(of)
	l.set, l.of, l.create = s, of, create
}

// get returns the collector.
func (l *lazy[C]) get() C {
	if c := l.made.Load(); c != nil {
		return *c
	}
	l.set.mu.Lock()
	defer l.set.mu.Unlock()
	if c := l.made.Load(); c != nil {
		return *c
	}
	c := l.create(l.of, l.set.labels)
	l.set.made = append(l.set.made, c)
	l.made.Store(&c)
	return c
}

func newCounter(m *Metric, labels prometheus.Labels) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: m.Name, Help: m.Help, ConstLabels: labels})
}

func newHistogram(m *Metric, labels prometheus.Labels) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, ConstLabels: labels, Buckets: m.Buckets})
}

func newCounterVec(m *Metric, labels prometheus.Labels) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help, ConstLabels: labels}, m.Labels)
}

func newGaugeVec(m *Metric, labels prometheus.Labels) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help, ConstLabels: labels}, m.Labels)
}

func newHistogramVec(m *Metric, labels prometheus.Labels) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: m.Name, Help: m.Help, ConstLabels: labels, Buckets: m.Buckets}, m.Labels)
}

func newDesc(m *Metric, labels prometheus.Labels) *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, m.Labels, labels)
}
