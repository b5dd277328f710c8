package obs

import (
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

// Buckets are few: each is a series, times routes, times instances.
var (
	requestBuckets    = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	commitBuckets     = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 2}
	projectionBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	waitBuckets       = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}
	batchBuckets      = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
)

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
	// OnPanic is told of a collector that panicked during a scrape; may be nil.
	OnPanic guard.Report
}

// Instance is the metrics of one custodian, from its first start until it is
// drained. All methods are safe for concurrent use.
type Instance struct {
	set     *collectorSet
	shared  prometheus.Registerer // adds the instance label
	closing sync.Once

	mu      sync.Mutex
	closed  bool
	own     *prometheus.Registry // for the instance's own port, without the label; nil until it is asked for
	handler http.Handler         // likewise

	httpRequests *prometheus.CounterVec
	httpDuration *prometheus.HistogramVec
	httpInFlight *prometheus.GaugeVec

	grpcRequests *prometheus.CounterVec
	grpcDuration *prometheus.HistogramVec
	grpcInFlight *prometheus.GaugeVec

	positions   *pairCounter
	settlements *pairCounter
	balances    *pairCounter

	domain

	vitals vitals

	batchEvents        func() prometheus.Histogram
	commitDuration     func() prometheus.Histogram
	projectionDuration func() prometheus.Histogram
	redisUp            func() prometheus.Gauge
	projectionEvents   prometheus.Counter
	projectionLag      prometheus.Gauge
	queueDepth         prometheus.Gauge
	reloads            prometheus.Counter
	restarts           prometheus.Counter
	requestsDelayed    prometheus.Counter
	panics             *prometheus.CounterVec
	published          prometheus.Counter
	refused            *enumCounter
	boundsRefused      *enumCounter
	bounds             *boundsGauge
	slowStreams        *enumCounter
	delayed            *enumCounter
	cacheRequests      *enumCounter
}

// newInstance creates the collectors in a set, registered nowhere yet.
func newInstance(set *collectorSet, opts InstanceOptions) *Instance {
	limit := opts.LabelValues
	if limit == 0 {
		limit = DefaultLabelValues
	}
	pairs := opts.Pairs
	if pairs == 0 {
		pairs = DefaultPairs
	}
	in := &Instance{set: set}

	in.httpRequests = set.counterVec("http_requests_total",
		"HTTP requests answered; endpoint is the route.", "method", "endpoint", "status_code")
	in.httpDuration = set.histogramVec("http_request_duration_seconds",
		"Time to answer an HTTP request; a stream counts until it ends.", requestBuckets, "method", "endpoint")
	in.httpInFlight = set.gaugeVec("http_requests_in_flight",
		"HTTP requests being answered.", "method")

	in.grpcRequests = set.counterVec("grpc_server_requests_total",
		"gRPC calls answered, by status code name.", "method", "status")
	in.grpcDuration = set.histogramVec("grpc_server_request_duration_seconds",
		"Time to answer a gRPC call; a stream counts until it ends.", requestBuckets, "method")
	in.grpcInFlight = set.gaugeVec("grpc_server_requests_in_flight",
		"gRPC calls being answered.", "method")

	capped := set.counterVec("custodian_label_values_capped_total",
		"Records whose label value was replaced by \"other\" because the instance had used up its distinct values or pairs of them.", "label")
	account := newCappedLabel("account", limit, capped)
	symbol := newCappedLabel("symbol", limit, capped)
	currency := newCappedLabel("currency", limit, capped)

	in.positions = newPairCounter(set.counterVec("custodian_positions_total",
		"Positions created.", "account", "symbol"), pairs, account, symbol)
	in.settlements = newPairCounter(set.counterVec("custodian_settlements_total",
		"Settlements processed, by the status they reached and their type.", "status", "type"),
		pairs, newCappedLabel("status", limit, capped), newCappedLabel("type", limit, capped))
	in.balances = newPairCounter(set.counterVec("custodian_balance_changes_total",
		"Changes of balances.", "account", "currency"), pairs, account, currency)

	in.domain = newDomain(set, limit, pairs, capped)

	in.batchEvents = set.lazyHistogram("custodian_engine_batch_events",
		"Events made durable by one journal append.", batchBuckets)
	in.commitDuration = set.lazyHistogram("custodian_engine_commit_duration_seconds",
		"Time that a journal append took.", commitBuckets)
	in.queueDepth = set.gauge("custodian_engine_queue_depth",
		"Commands waiting for the engine.")
	in.refused = set.enumCounter("custodian_engine_refused_total",
		"Requests refused for want of capacity or availability.", "reason",
		"overloaded", "unavailable", "paused", "draining", "limit_reached", "internal")
	in.boundsRefused = set.enumCounter("custodian_bounds_refused_total",
		"Requests, streams and connections refused because a bound of the instance was reached.", "bound", refusingBounds...)
	in.bounds = newBoundsGauge(set)
	in.delayed = set.enumCounter("custodian_connections_delayed_total",
		"Connections that had to wait because they came faster than limits.connection_rate.", "face", "http", "grpc")
	in.requestsDelayed = set.counter("custodian_requests_delayed_total",
		"Requests that had to wait because the instance kept the processors busy while others had a few.")
	in.slowStreams = set.enumCounter("custodian_slow_streams_ended_total",
		"Event streams ended because their reader did not read.", "face", "http", "grpc")
	in.reloads = set.counter("custodian_engine_reloads_total",
		"Times the engine threw its state away and loaded it again after a failed append.")
	in.restarts = set.counter("custodian_instance_restarts_total",
		"Times the supervisor restarted the instance after a failure.")
	in.restarts.Add(float64(opts.Restarts))
	in.panics = set.counterVec("custodian_instance_panics_total",
		"Panics that were recovered, by the part of the instance that panicked.", "part")

	in.projectionLag = set.gauge("custodian_projection_lag_events",
		"Durable events that the tables do not show yet.")
	in.projectionEvents = set.counter("custodian_projection_events_total",
		"Events that the projector brought into the tables.")
	in.projectionDuration = set.lazyHistogram("custodian_projection_duration_seconds",
		"Time that one projection transaction took.", projectionBuckets)

	in.redisUp = set.lazyGauge("custodian_redis_up",
		"Whether Redis answers (1) or not (0); absent where Redis is off.")
	in.published = set.counter("custodian_stream_published_total",
		"Events published on the Redis stream.")
	in.cacheRequests = set.enumCounter("custodian_cache_requests_total",
		"Cache look-ups by result.", "result", "hit", "miss", "error")
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
