package obs_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
)

// An Instance is what the engine records through.
var _ sim.Metrics = (*obs.Instance)(nil)

// newInstance returns an open instance of a registry of its own.
func newInstance(t *testing.T, opts obs.InstanceOptions) (*obs.Registry, *obs.Instance) {
	t.Helper()
	registry := obs.NewRegistry()
	return registry, open(t, registry, "custodian-sim-001", opts)
}

func open(t *testing.T, registry *obs.Registry, name string, opts obs.InstanceOptions) *obs.Instance {
	t.Helper()
	instance, err := registry.Instance(name, opts)
	if err != nil {
		t.Fatalf("Instance(%q) = %v", name, err)
	}
	return instance
}

// scrape returns the sample lines that handler serves.
func scrape(t *testing.T, handler http.Handler) []string {
	t.Helper()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("scrape answered %d: %s", rec.Code, rec.Body)
	}
	var lines []string
	for line := range strings.Lines(rec.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// ours leaves out the samples of the Go runtime and the scrape handler.
func ours(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "go_") || strings.HasPrefix(line, "process_") || strings.HasPrefix(line, "promhttp_")
	})
}

func wantSample(t *testing.T, lines []string, want string) {
	t.Helper()
	if !slices.Contains(lines, want) {
		t.Errorf("the scrape lacks %q; it has\n%s", want, strings.Join(ours(slices.Clone(lines)), "\n"))
	}
}

func wantNoSample(t *testing.T, lines []string, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, line := range lines {
		if re.MatchString(line) {
			t.Errorf("the scrape has %q, which matches %s", line, pattern)
		}
	}
}

// exercise touches every metric of an instance.
func exercise(t testing.TB, instance *obs.Instance) {
	t.Helper()
	instance.RecordPositionCreated("fund-a", "BTC")
	instance.RecordSettlementProcessed("COMPLETED", "DEPOSIT")
	instance.RecordBalanceChange("fund-a", "USD")
	instance.RecordBatch(3, 2*time.Millisecond)
	instance.RecordRefused("overloaded")
	instance.RecordProjection(3, 4*time.Millisecond)
	instance.SetProjectionLag(7)
	instance.RecordReload()
	instance.RecordBoundRefused(bounds.Rate)
	instance.RecordSlowStreamEnded("grpc")
	instance.RecordConnectionDelayed("http")
	instance.ReportBounds(func() []bounds.Usage { return []bounds.Usage{{Bound: bounds.Bytes, Used: 3, Limit: 9}} })
	instance.SetQueueDepth(5)
	instance.RecordRestart()
	instance.RecordPanic("engine")
	instance.SetRedisUp(true)
	instance.RecordStreamPublished(3)
	instance.RecordCacheRequest("hit")
	instance.RecordTransferProcessed("COMPLETED", "wire_domestic")
	instance.RecordTransferLatency("wire_domestic", time.Hour)
	instance.RecordSettlementLatency("DVP", 48*time.Hour)
	instance.SetGauges(sim.Gauges{OpenSettlements: 1, OpenTransfers: 2, PendingApprovals: 1, OpenBreaks: 3, ActiveFaults: 4})
	instance.RecordWebhookDelivered("ops")
	instance.RecordWebhookGivenUp("ops")
	instance.RecordWebhookAttemptFailed("ops", "timeout")
	instance.SetWebhookLag("ops", 7)
	serve(t, instance.HTTPMiddleware(testRouter()), http.MethodGet, "/api/v1/positions/42")
	if _, err := callUnary(instance, nil); err != nil {
		t.Fatal(err)
	}
}

// TestMetricNamesAndLabelsAreTheContract holds every metric to the names and
// labels that dashboards rely on.
func TestMetricNamesAndLabelsAreTheContract(t *testing.T) {
	t.Parallel()
	want := []string{
		"http_requests_total{endpoint,method,status_code} counter",
		"http_request_duration_seconds{endpoint,method} histogram",
		"http_requests_in_flight{method} gauge",
		"grpc_server_requests_total{method,status} counter",
		"grpc_server_request_duration_seconds{method} histogram",
		"grpc_server_requests_in_flight{method} gauge",
		"custodian_positions_total{account,symbol} counter",
		"custodian_settlements_total{status,type} counter",
		"custodian_balance_changes_total{account,currency} counter",
		"custodian_label_values_capped_total{label} counter",
		"custodian_bounds_limit{bound} gauge",
		"custodian_bounds_refused_total{bound} counter",
		"custodian_bounds_used{bound} gauge",
		"custodian_connections_delayed_total{face} counter",
		"custodian_requests_delayed_total{} counter",
		"custodian_slow_streams_ended_total{face} counter",
		"custodian_engine_batch_events{} histogram",
		"custodian_engine_commit_duration_seconds{} histogram",
		"custodian_engine_queue_depth{} gauge",
		"custodian_engine_refused_total{reason} counter",
		"custodian_engine_reloads_total{} counter",
		"custodian_instance_panics_total{part} counter",
		"custodian_instance_restarts_total{} counter",
		"custodian_projection_lag_events{} gauge",
		"custodian_projection_events_total{} counter",
		"custodian_projection_duration_seconds{} histogram",
		"custodian_redis_up{} gauge",
		"custodian_stream_published_total{} counter",
		"custodian_cache_requests_total{result} counter",
		"custodian_transfers_total{rail,status} counter",
		"custodian_settlement_latency_seconds{type} histogram",
		"custodian_transfer_latency_seconds{rail} histogram",
		"custodian_settlements_open{} gauge",
		"custodian_transfers_open{} gauge",
		"custodian_approvals_pending{} gauge",
		"custodian_reconciliation_breaks_open{} gauge",
		"custodian_faults_active{} gauge",
		"custodian_webhook_deliveries_total{endpoint,result} counter",
		"custodian_webhook_failed_attempts_total{endpoint,reason} counter",
		"custodian_webhook_lag_events{endpoint} gauge",
	}
	sort.Strings(want)

	registry, instance := newInstance(t, obs.InstanceOptions{LabelValues: 1})
	exercise(t, instance)
	instance.RecordPositionCreated("fund-b", "BTC") // over the cap
	families, err := instance.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		got = append(got, fmt.Sprintf("%s{%s} %s", family.GetName(), strings.Join(labels, ","),
			strings.ToLower(family.GetType().String())))
	}
	sort.Strings(got)
	if !slices.Equal(got, want) {
		t.Errorf("metrics of an instance:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// What a reference tells of metrics is what scrapes get.
	var defined []string
	for _, m := range obs.InstanceMetrics() {
		defined = append(defined, fmt.Sprintf("%s{%s} %s", m.Name, strings.Join(slices.Sorted(slices.Values(m.Labels)), ","), m.Type))
	}
	sort.Strings(defined)
	if !slices.Equal(defined, want) {
		t.Errorf("metrics of an instance are said to be\n%s\nwant\n%s", strings.Join(defined, "\n"), strings.Join(want, "\n"))
	}

	families, err = registry.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	inShared := map[string]bool{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, pair := range metric.GetLabel() {
				if pair.GetName() == "instance" && pair.GetValue() == "custodian-sim-001" {
					inShared[family.GetName()] = true
				}
			}
		}
	}
	for _, line := range want {
		name, _, _ := strings.Cut(line, "{")
		if !inShared[name] {
			t.Errorf("the shared registry lacks %s of the instance", name)
		}
	}
}

func TestMetricsPassTheLinter(t *testing.T) {
	t.Parallel()
	registry, instance := newInstance(t, obs.InstanceOptions{})
	exercise(t, instance)
	serve(t, registry.AdminMiddleware(testRouter()), http.MethodGet, "/api/v1/health")
	problems, err := testutil.GatherAndLint(registry.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestSamplesCarryTheInstanceOnlyOnTheSharedPort(t *testing.T) {
	t.Parallel()
	registry, instance := newInstance(t, obs.InstanceOptions{Restarts: 4})
	other := open(t, registry, "other-custodian", obs.InstanceOptions{})
	exercise(t, instance)
	exercise(t, other)
	other.RecordBalanceChange("fund-a", "USD")

	shared := scrape(t, registry.Handler())
	wantSample(t, shared, `custodian_balance_changes_total{account="fund-a",currency="USD",instance="custodian-sim-001"} 1`)
	wantSample(t, shared, `custodian_balance_changes_total{account="fund-a",currency="USD",instance="other-custodian"} 2`)
	wantSample(t, shared, `custodian_instance_restarts_total{instance="custodian-sim-001"} 5`)

	own := scrape(t, instance.Handler())
	wantSample(t, own, `custodian_balance_changes_total{account="fund-a",currency="USD"} 1`)
	wantSample(t, own, `custodian_engine_queue_depth 5`)
	wantSample(t, own, `custodian_engine_batch_events_bucket{le="4"} 1`)
	wantSample(t, own, `custodian_bounds_refused_total{bound="rate"} 1`)
	wantSample(t, own, `custodian_bounds_refused_total{bound="queue"} 1`)
	wantSample(t, own, `custodian_bounds_used{bound="bytes"} 3`)
	wantSample(t, own, `custodian_bounds_limit{bound="bytes"} 9`)
	wantSample(t, own, `custodian_slow_streams_ended_total{face="grpc"} 1`)
	wantSample(t, own, `custodian_projection_lag_events 7`)
	wantSample(t, own, `custodian_redis_up 1`)
	wantNoSample(t, own, `instance=|^go_`)
}

func TestClosedInstancesLeaveNothingInAScrape(t *testing.T) {
	t.Parallel()
	registry := obs.NewRegistry()
	before := ours(scrape(t, registry.Handler()))
	var instances []*obs.Instance
	for n := range 100 {
		instance := open(t, registry, fmt.Sprintf("custodian-sim-%03d", n), obs.InstanceOptions{})
		exercise(t, instance)
		instances = append(instances, instance)
	}
	if got := len(scrape(t, registry.Handler())); got < 100 {
		t.Fatalf("only %d samples for 100 busy instances", got)
	}
	for _, instance := range instances {
		instance.Close()
		instance.RecordPositionCreated("late", "BTC") // goes nowhere, and does no harm
		if own := scrape(t, instance.Handler()); len(own) != 0 {
			t.Fatalf("a closed instance serves %q", own)
		}
	}
	if after := ours(scrape(t, registry.Handler())); !slices.Equal(after, before) {
		t.Errorf("after closing all:\n%s\nwant, as before:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

func TestNameIsFreeAgainAfterClose(t *testing.T) {
	t.Parallel()
	registry, first := newInstance(t, obs.InstanceOptions{})
	if _, err := registry.Instance("custodian-sim-001", obs.InstanceOptions{}); !errors.Is(err, obs.ErrInstanceExists) {
		t.Fatalf("a second instance of the name: %v, want ErrInstanceExists", err)
	}
	first.RecordReload()
	first.Close()
	second := open(t, registry, "custodian-sim-001", obs.InstanceOptions{})
	first.Close() // must not touch its successor
	second.RecordStreamPublished(2)
	lines := scrape(t, registry.Handler())
	wantSample(t, lines, `custodian_engine_reloads_total{instance="custodian-sim-001"} 0`)
	wantSample(t, lines, `custodian_stream_published_total{instance="custodian-sim-001"} 2`)
	wantSample(t, scrape(t, second.Handler()), `custodian_stream_published_total 2`)
}

func TestBadInstanceOptionsAreRefusedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	registry := obs.NewRegistry()
	if _, err := registry.Instance("a", obs.InstanceOptions{LabelValues: -1}); err == nil {
		t.Error("a negative number of label values was accepted")
	}
	if _, err := registry.Instance("\xff", obs.InstanceOptions{}); err == nil {
		t.Error("a name that is not UTF-8 was accepted")
	}
	wantNoSample(t, scrape(t, registry.Handler()), `instance=`)
}

func TestIdleInstanceHasAHandfulOfSeries(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	if lines := scrape(t, instance.Handler()); len(lines) > 8 {
		t.Errorf("an idle instance serves %d samples:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

func TestProcessMetricsComeFromTheirOwners(t *testing.T) {
	t.Parallel()
	registry := obs.NewRegistry()
	wantSample(t, scrape(t, registry.Handler()), `custodian_instances{state="failed"} 0`)
	registry.ReportInstances(func() map[string]int { return map[string]int{"running": 3} })
	registry.SetConnections(2, 80)
	registry.RecordConnectionWait(20*time.Millisecond, true)
	registry.RecordConnectionWait(5*time.Second, false)
	serve(t, registry.AdminMiddleware(testRouter()), http.MethodGet, "/api/v1/health")
	lines := scrape(t, registry.Handler())
	wantSample(t, lines, `custodian_instances{state="running"} 3`)
	wantSample(t, lines, `custodian_instances{state="draining"} 0`)
	wantSample(t, lines, `custodian_postgres_connections{state="in_use"} 2`)
	wantSample(t, lines, `custodian_postgres_connections{state="free"} 78`)
	wantSample(t, lines, `custodian_postgres_connection_wait_seconds_bucket{le="0.05"} 1`)
	wantSample(t, lines, `custodian_postgres_connection_wait_timeouts_total 1`)
	wantSample(t, lines, `custodian_admin_http_requests_total{endpoint="/api/v1/health",method="GET",status_code="200"} 1`)
}

func TestScrapeNegotiatesOpenMetricsAndGzip(t *testing.T) {
	t.Parallel()
	registry, instance := newInstance(t, obs.InstanceOptions{})
	exercise(t, instance)
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	req.Header.Set("Accept-Encoding", "gzip")
	rec := httptest.NewRecorder()
	registry.Handler().ServeHTTP(rec, req)
	if got := rec.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") {
		t.Errorf("Content-Type = %q", got)
	}
	if got := rec.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding = %q", got)
	}
	body, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(text), "# EOF\n") || !strings.Contains(string(text), "custodian_positions_total{") {
		t.Errorf("not an OpenMetrics exposition: %.300s", text)
	}
}

func TestInstancesComeAndGoUnderScrapes(t *testing.T) {
	t.Parallel()
	registry := obs.NewRegistry()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 20 {
				instance, err := registry.Instance(fmt.Sprintf("w%d-%d", worker, n%2), obs.InstanceOptions{LabelValues: 2})
				if err != nil {
					t.Error(err)
					return
				}
				for _, account := range []string{"a", "b", "c"} {
					instance.RecordPositionCreated(account, "BTC")
				}
				instance.RecordBatch(1, time.Millisecond)
				instance.Close()
			}
		})
		wg.Go(func() {
			for range 20 {
				rec := httptest.NewRecorder()
				registry.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if rec.Code != http.StatusOK {
					t.Errorf("scrape answered %d: %s", rec.Code, rec.Body)
				}
			}
		})
	}
	wg.Wait()
	wantNoSample(t, scrape(t, registry.Handler()), `instance=`)
}

// BenchmarkScrape is one scrape of the admin port with 200 instances.
func BenchmarkScrape(b *testing.B) {
	for _, busy := range []bool{false, true} {
		b.Run(map[bool]string{false: "idle", true: "busy"}[busy], func(b *testing.B) {
			registry := obs.NewRegistry()
			for n := range 200 {
				instance, err := registry.Instance(fmt.Sprintf("custodian-sim-%03d", n), obs.InstanceOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if busy {
					exercise(b, instance)
				}
			}
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				rec := httptest.NewRecorder()
				registry.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				size = rec.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes/scrape")
		})
	}
}

// BenchmarkNewInstance is the cost of an idle instance's metrics.
func BenchmarkNewInstance(b *testing.B) {
	registry := obs.NewRegistry()
	b.ReportAllocs()
	for b.Loop() {
		instance, err := registry.Instance("custodian-sim-001", obs.InstanceOptions{})
		if err != nil {
			b.Fatal(err)
		}
		instance.Close()
	}
}

func TestUnnamedInstanceHasAnEmptyInstanceLabel(t *testing.T) {
	t.Parallel()
	registry := obs.NewRegistry()
	open(t, registry, "", obs.InstanceOptions{}).SetQueueDepth(2)
	wantSample(t, scrape(t, registry.Handler()), `custodian_engine_queue_depth{instance=""} 2`)
}
