package obs

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// ErrInstanceExists is returned by [Registry.Instance] for a name whose
// earlier Instance has not been closed.
var ErrInstanceExists = errors.New("the instance already has metrics")

// scrapesInFlight bounds concurrent scrapes of one handler; a further one is
// answered 503. Each holds a whole exposition in memory.
const scrapesInFlight = 8

// Registry holds the metrics of the whole process: the Go runtime, the
// supervisor's own, and those of every instance under the label "instance".
// All methods are safe for concurrent use.
type Registry struct {
	shared  *prometheus.Registry
	handler http.Handler

	adminRequests *prometheus.CounterVec
	instances     *stateGauge
	panics        *prometheus.CounterVec
	connections   *prometheus.GaugeVec
	connWait      prometheus.Histogram
	connTimeouts  prometheus.Counter
}

// NewRegistry returns a Registry with the process-wide collectors in place and
// no instances.
func NewRegistry() *Registry {
	set := &collectorSet{}
	r := newProcess(set)
	r.shared = prometheus.NewRegistry()
	r.shared.MustRegister(append(runtimeCollectors(), set.fixed...)...)
	r.handler = newScrapeHandler(r.shared, r.shared)
	return r
}

// newProcess creates the collectors of the process in a set, registered nowhere yet.
func newProcess(set *collectorSet) *Registry {
	return &Registry{
		adminRequests: always(set, &ofAdminRequests, newCounterVec),
		instances:     newStateGauge(set, &ofInstances),
		panics:        always(set, &ofProcessPanics, newCounterVec),
		connections:   always(set, &ofConnections, newGaugeVec),
		connWait:      always(set, &ofConnectionWait, newHistogram),
		connTimeouts:  always(set, &ofConnectionTimeouts, newCounter),
	}
}

// Handler serves the metrics of the process and of all instances: the
// Prometheus text format, or OpenMetrics where the client asks for it, with
// gzip where accepted.
func (r *Registry) Handler() http.Handler { return r.handler }

// Gatherer gives programmatic access to what Handler serves.
func (r *Registry) Gatherer() prometheus.Gatherer { return r.shared }

// Instance creates the metrics of the instance called name and adds them to
// the shared registry. The name may be empty (a process with one unnamed
// instance); its series then carry an empty instance label, which Prometheus
// treats as none. It fails with [ErrInstanceExists] while an earlier Instance
// of that name is open, and for options that are out of range.
func (r *Registry) Instance(name string, opts InstanceOptions) (*Instance, error) {
	if opts.LabelValues < 0 {
		return nil, fmt.Errorf("metrics of instance %q: LabelValues is %d, want 0 or more", name, opts.LabelValues)
	}
	label := instanceLabel
	in := newInstance(&collectorSet{
		labels: prometheus.Labels{instanceLabel: name}, pairs: []*dto.LabelPair{{Name: &label, Value: &name}}, onPanic: opts.OnPanic,
	}, opts)
	in.shared = r.shared
	if err := in.shared.Register(in.set); err != nil {
		if registered := (prometheus.AlreadyRegisteredError{}); errors.As(err, &registered) {
			err = ErrInstanceExists
		}
		return nil, fmt.Errorf("metrics of instance %q: %w", name, err)
	}
	return in, nil
}

// newScrapeHandler serves what gatherer holds. One bad series costs that
// series, not the scrape; errors are metered in errorCounts if it is given.
func newScrapeHandler(gatherer prometheus.Gatherer, errorCounts prometheus.Registerer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            errorCounts,
		MaxRequestsInFlight: scrapesInFlight,
		EnableOpenMetrics:   true,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	})
}
