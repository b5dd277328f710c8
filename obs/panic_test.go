package obs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// panicky is a collector that panics while it is collected, half way through.
type panicky struct{ prometheus.Gauge }

func (p panicky) Collect(ch chan<- prometheus.Metric) {
	p.Gauge.Collect(ch)
	panic("deliberate")
}

func scrapeOnce(handler http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w
}

func TestACollectorThatPanicsCostsOthersNothing(t *testing.T) {
	t.Parallel()
	registry := NewRegistry()
	registry.ReportInstances(func() map[string]int { return map[string]int{"running": 2} })
	healthy, err := registry.Instance("healthy", InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan *guard.Panic, 8)
	faulty := newInstance(&collectorSet{
		labels: prometheus.Labels{instanceLabel: "faulty"}, onPanic: func(p *guard.Panic) { told <- p },
	}, InstanceOptions{})
	add(faulty.set, panicky{prometheus.NewGauge(prometheus.GaugeOpts{Name: "custodian_panicky", Help: "Panics."})})
	last := always(faulty.set, &Metric{Name: "custodian_behind", Help: "Collected behind it."}, newCounter)
	last.Inc()
	faulty.shared = registry.shared
	faulty.shared.MustRegister(faulty.set)
	healthy.RecordRestart()
	faulty.RecordPanic("metrics")

	page := scrapeOnce(registry.Handler())
	for _, want := range []string{
		`custodian_instance_restarts_total{instance="healthy"} 1`, `custodian_instance_panics_total{instance="faulty",part="metrics"} 1`,
		`custodian_behind{instance="faulty"} 1`, `custodian_instances{state="running"} 2`, "go_goroutines",
	} {
		if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page, status %d, lacks %s", page.Code, want)
		}
	}
	if p := <-told; p.Part != "metrics" || p.Value != "deliberate" || !strings.Contains(p.Stack, "panic_test.go") {
		t.Errorf("told of %v", p)
	}
	if page := scrapeOnce(registry.Handler()); !strings.Contains(page.Body.String(), `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Error("the scrape counts no error")
	}
}

func TestStatesThatCannotBeCountedCostTheirSeriesAlone(t *testing.T) {
	t.Parallel()
	registry := NewRegistry()
	registry.ReportInstances(func() map[string]int { panic("deliberate") })
	page := scrapeOnce(registry.Handler())
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "go_goroutines") || strings.Contains(page.Body.String(), "custodian_instances{") {
		t.Errorf("status %d: %s", page.Code, page.Body)
	}
}
