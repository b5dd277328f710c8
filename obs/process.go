package obs

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// instanceStates are the lifecycle states of an instance. Each has a series
// from the start, so that an alert on state="failed" has a zero to rise from.
var instanceStates = []string{"pending", "starting", "running", "draining", "drained", "paused", "failed"}

// ReportInstances sets where custodian_instances comes from: count returns
// the number of instances per state and is called at each scrape, so it must
// be quick, safe for concurrent use, and hold no lock that a scrape could wait
// for. States that count leaves out read zero. A later call replaces it.
func (r *Registry) ReportInstances(count func() map[string]int) { r.instances.source.Store(&count) }

// SetConnections says how many connections of the process-wide PostgreSQL
// budget are in use, out of limit.
func (r *Registry) SetConnections(inUse, limit int) {
	r.connections.WithLabelValues("in_use").Set(float64(inUse))
	r.connections.WithLabelValues("free").Set(float64(max(limit-inUse, 0)))
}

// RecordConnectionWait observes how long a new connection waited for a place
// in the budget, and counts the wait as timed out unless it was granted one.
func (r *Registry) RecordConnectionWait(waited time.Duration, granted bool) {
	r.connWait.Observe(waited.Seconds())
	if !granted {
		r.connTimeouts.Inc()
	}
}

// RecordPanic counts a panic that was recovered in what instances share, or in
// an operation on one that does not run. The part is one of few names.
func (r *Registry) RecordPanic(part string) { r.panics.WithLabelValues(part).Inc() }

// stateGauge is a gauge per state whose values are asked for at each scrape:
// the owner of the states need not keep a second count in step.
type stateGauge struct {
	desc   *prometheus.Desc
	always []string // states that have a series even at zero
	source atomic.Pointer[func() map[string]int]
}

func newStateGauge(set *collectorSet, of *Metric) *stateGauge {
	set.define(of)
	return add(set, &stateGauge{desc: newDesc(of, set.labels), always: of.Values})
}

// Describe implements prometheus.Collector.
func (g *stateGauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g *stateGauge) Collect(ch chan<- prometheus.Metric) {
	guard.Do("metrics", func(p *guard.Panic) { ch <- prometheus.NewInvalidMetric(g.desc, p) }, func() { g.collect(ch) })
}

func (g *stateGauge) collect(ch chan<- prometheus.Metric) {
	counts := make(map[string]int, len(g.always))
	for _, state := range g.always {
		counts[state] = 0
	}
	if source := g.source.Load(); source != nil {
		maps.Copy(counts, (*source)())
	}
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(counts[state]), state)
	}
}
