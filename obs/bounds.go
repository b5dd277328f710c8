package obs

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
)

// Bounds of the engine, beside those of package bounds: the commands that wait,
// and what is open in the books.
const (
	boundQueue = "queue"
	boundBooks = "books"
)

// shownBounds are those of what is taken on at one time, refusingBounds all.
var (
	shownBounds = []string{
		string(bounds.Requests), string(bounds.Streams), string(bounds.Bytes), string(bounds.HTTPConnections), string(bounds.GRPCConnections),
	}
	refusingBounds = append([]string{string(bounds.Rate), boundQueue, boundBooks}, shownBounds...)
)

// RecordBoundRefused counts what was refused because a bound was reached.
func (in *Instance) RecordBoundRefused(b bounds.Bound) { in.boundsRefused.inc(string(b)) }

// RecordConnectionDelayed counts a connection of a face, http or grpc, that had to
// wait because connections came too fast; any other face counts as "other".
func (in *Instance) RecordConnectionDelayed(face string) { in.delayed.inc(face) }

// RecordRequestDelayed counts a request that had to wait because the instance kept
// the processors busy while others had a few.
func (in *Instance) RecordRequestDelayed() { in.requestsDelayed.add(1) }

// RecordSlowStreamEnded counts an event stream of a face, http or grpc, that was
// ended because its reader did not read; any other face counts as "other".
func (in *Instance) RecordSlowStreamEnded(face string) { in.slowStreams.inc(face) }

// ReportBounds sets where custodian_bounds_used and custodian_bounds_limit come
// from: usage is called at each scrape. A later call replaces it.
func (in *Instance) ReportBounds(usage func() []bounds.Usage) { in.bounds.source.Store(&usage) }

// boundsGauge shows how much there is of what is bounded, next to the limit.
type boundsGauge struct {
	instance string
	source   atomic.Pointer[func() []bounds.Usage]
}

// Those of all instances.
var (
	usedBounds  = prometheus.NewDesc(ofBoundsUsed.Name, ofBoundsUsed.Help, append(ofBoundsUsed.Labels, instanceLabel), nil)
	limitBounds = prometheus.NewDesc(ofBoundsLimit.Name, ofBoundsLimit.Help, append(ofBoundsLimit.Labels, instanceLabel), nil)
)

func newBoundsGauge(set *collectorSet) *boundsGauge {
	set.define(&ofBoundsUsed)
	set.define(&ofBoundsLimit)
	g := &boundsGauge{instance: set.labels[instanceLabel]}
	set.made = append(set.made, g)
	return g
}

// Describe implements prometheus.Collector. What is described of an instance is its
// set.
func (g *boundsGauge) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g *boundsGauge) Collect(ch chan<- prometheus.Metric) {
	source := g.source.Load()
	if source == nil {
		return
	}
	for _, u := range (*source)() {
		ch <- prometheus.MustNewConstMetric(usedBounds, prometheus.GaugeValue, float64(u.Used), string(u.Bound), g.instance)
		ch <- prometheus.MustNewConstMetric(limitBounds, prometheus.GaugeValue, float64(u.Limit), string(u.Bound), g.instance)
	}
}
