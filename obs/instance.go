package obs

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// DefaultLabelValues is how many distinct values each caller-chosen label of
// an instance may take before further ones are counted as "other".
const DefaultLabelValues = 100

// DefaultPairs is how many series each metric with two such labels may have
// before further pairs are counted with "other" for both.
const DefaultPairs = 1000

// InstanceOptions are what an instance may choose about its metrics.
type InstanceOptions struct {
	// LabelValues bounds the distinct values of each of the labels account,
	// symbol and currency; 0 means DefaultLabelValues.
	LabelValues int
	// Pairs bounds the series of each metric that has two of those labels, not
	// counting the one of all other pairs; 0 means DefaultPairs.
	Pairs int
	// Restarts is what custodian_instance_restarts_total starts from: restarts
	// that were counted before this Instance was created.
	Restarts uint64
	// Logger takes a line for each request at debug; may be nil.
	Logger *slog.Logger
	// OnPanic is told of a collector that panicked during a scrape; may be nil.
	OnPanic guard.Report
}

// Instance is the metrics of one custodian, from its first start until it is
// drained. All methods are safe for concurrent use.
type Instance struct {
	set     *collectorSet
	logger  *slog.Logger          // nil for none
	shared  prometheus.Registerer // adds the instance label
	closing sync.Once

	mu      sync.Mutex
	closed  bool
	own     *prometheus.Registry // for the instance's own port, without the label; nil until it is asked for
	handler http.Handler         // likewise

	httpRequests lazy[*prometheus.CounterVec]
	httpDuration lazy[*prometheus.HistogramVec]
	httpInFlight lazy[*prometheus.GaugeVec]

	grpcRequests lazy[*prometheus.CounterVec]
	grpcDuration lazy[*prometheus.HistogramVec]
	grpcInFlight lazy[*prometheus.GaugeVec]

	capped      lazy[*prometheus.CounterVec]
	positions   pairCounter
	settlements pairCounter
	balances    pairCounter

	domain

	vitals vitals

	batchEvents        lazy[prometheus.Histogram]
	commitDuration     lazy[prometheus.Histogram]
	projectionDuration lazy[prometheus.Histogram]
	redisUp            number
	projectionEvents   number
	projectionLag      number
	queueDepth         number
	reloads            number
	restarts           number
	requestsDelayed    number
	panics             lazy[*prometheus.CounterVec]
	published          number
	refused            enumCounter
	boundsRefused      enumCounter
	bounds             *boundsGauge
	slowStreams        enumCounter
	delayed            enumCounter
	cacheRequests      enumCounter
}

// newInstance creates the collectors in a set, registered nowhere yet.
func newInstance(set *collectorSet, opts InstanceOptions) *Instance {
	limit, pairs := cmp.Or(opts.LabelValues, DefaultLabelValues), cmp.Or(opts.Pairs, DefaultPairs)
	in := &Instance{set: set, logger: opts.Logger}

	in.httpRequests.define(set, &ofHTTPRequests, newCounterVec)
	in.httpDuration.define(set, &ofHTTPDuration, newHistogramVec)
	in.httpInFlight.define(set, &ofHTTPInFlight, newGaugeVec)

	in.grpcRequests.define(set, &ofGRPCRequests, newCounterVec)
	in.grpcDuration.define(set, &ofGRPCDuration, newHistogramVec)
	in.grpcInFlight.define(set, &ofGRPCInFlight, newGaugeVec)

	in.capped.define(set, &ofCapped, newCounterVec)
	label := func(name string) *cappedLabel { return &cappedLabel{name: name, limit: limit, dropped: &in.capped} }
	account := label("account")
	in.positions.define(set, &ofPositions, pairs, account, label("symbol"))
	in.settlements.define(set, &ofSettlements, pairs, label("status"), label("type"))
	in.balances.define(set, &ofBalances, pairs, account, label("currency"))

	in.define(set, pairs, label)

	in.batchEvents.define(set, &ofBatchEvents, newHistogram)
	in.commitDuration.define(set, &ofCommitDuration, newHistogram)
	in.queueDepth.define(set, &ofQueueDepth)
	in.refused.define(set, &ofRefused, newCounterVec)
	in.boundsRefused.define(set, &ofBoundsRefused, newCounterVec)
	in.bounds = newBoundsGauge(set)
	in.delayed.define(set, &ofDelayed, newCounterVec)
	in.requestsDelayed.define(set, &ofRequestsDelayed)
	in.slowStreams.define(set, &ofSlowStreams, newCounterVec)
	in.reloads.define(set, &ofReloads)
	in.restarts.define(set, &ofRestarts)
	in.panics.define(set, &ofPanics, newCounterVec)

	in.projectionLag.define(set, &ofProjectionLag)
	in.projectionEvents.define(set, &ofProjectionEvents)
	in.projectionDuration.define(set, &ofProjectionDuration, newHistogram)

	in.redisUp.define(set, &ofRedisUp)
	in.published.define(set, &ofPublished)
	in.cacheRequests.define(set, &ofCacheRequests, newCounterVec)

	in.restarts.add(int(opts.Restarts))
	for _, n := range []*number{&in.queueDepth, &in.requestsDelayed, &in.reloads, &in.projectionLag, &in.projectionEvents, &in.published} {
		n.put(0) // their series are there from the start
	}
	return in
}

// Handler serves the metrics of this instance alone, without the instance
// label. After Close it serves an empty page.
func (in *Instance) Handler() http.Handler { return http.HandlerFunc(in.serve) }

func (in *Instance) serve(w http.ResponseWriter, r *http.Request) {
	_, handler := in.page()
	handler.ServeHTTP(w, r)
}

// Gatherer gives programmatic access to what Handler serves.
func (in *Instance) Gatherer() prometheus.Gatherer {
	own, _ := in.page()
	return unlabelled{own}
}

// instanceLabel tells the series of instances apart.
const instanceLabel = "instance"

// unlabelled gathers without that label.
type unlabelled struct{ from prometheus.Gatherer }

// Gather implements [prometheus.Gatherer].
func (u unlabelled) Gather() ([]*dto.MetricFamily, error) {
	families, err := u.from.Gather()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := make([]*dto.LabelPair, 0, len(m.GetLabel())) // those at hand are the metric's own
			for _, l := range m.GetLabel() {
				if l.GetName() != instanceLabel {
					labels = append(labels, l)
				}
			}
			m.Label = labels
		}
	}
	return families, err
}

// page returns the instance's own registry and what serves it. Most instances are
// never asked for it: the process's port has the metrics of all.
func (in *Instance) page() (*prometheus.Registry, http.Handler) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.own == nil {
		in.own = prometheus.NewRegistry()
		if !in.closed {
			in.own.MustRegister(in.set) // a fresh registry: only a wrong definition of a metric can fail
		}
		in.handler = newScrapeHandler(unlabelled{in.own}, nil)
	}
	return in.own, in.handler
}

// Close takes every series of the instance out of both registries. Only the
// first call does anything: a later one must not touch a successor of the same
// name, whose collectors the registry could not tell from these.
func (in *Instance) Close() {
	in.closing.Do(func() {
		in.shared.Unregister(in.set)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.closed = true
		if in.own != nil {
			in.own.Unregister(in.set)
		}
	})
}
