//go:build integration

package obs_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// These tests have a real Prometheus scrape a registry as the shipped
// configuration tells it to.

const (
	shippedConfig = "../configs/prometheus/prometheus.yml"
	shippedRules  = "../configs/prometheus/rules.yml"

	// How long Prometheus may take to show what is expected. It stays far below
	// the five minutes for which Prometheus goes on showing a series that merely
	// got no new samples, so a series that is gone in time was marked stale.
	patience = time.Minute
)

func TestShippedScrapeConfigurationKeepsTheInstanceLabel(t *testing.T) {
	t.Parallel()
	target := newScrapeTarget(t)
	prometheus := startPrometheus(t, target, target.config(t))
	first, second := "custodian-sim-001", "custodian-sim-002"

	want := map[string]int{first: target.samples(t, first), second: target.samples(t, second)}
	before := prometheus.await(t, "the series of both instances", func(series []labels) bool {
		return len(having(series, "instance", first)) > 0 && len(having(series, "instance", second)) > 0
	})
	for name, samples := range want {
		if got := len(having(before, "instance", name)); got != samples {
			t.Errorf("%d series have instance=%q, want the %d that are served", got, name, samples)
		}
	}
	for _, series := range before {
		if renamed, ok := series["exported_instance"]; ok {
			t.Errorf("%s has exported_instance=%q", series["__name__"], renamed)
		}
	}
	depths := having(before, "__name__", "custodian_engine_queue_depth")
	if got := valuesOf(depths, "instance"); !slices.Equal(got, []string{"", first, second}) {
		t.Errorf("the queue depth is there for instances %q, want those with a name and one without", got)
	}
	if got := valuesOf(having(before, "__name__", "custodian_instances"), "instance"); !slices.Equal(got, []string{target.addr}) {
		t.Errorf("the process's own series have instances %q, want the target's address", got)
	}

	// The other instance's series stay in the same answer: a scrape that failed
	// would take them away as well.
	target.instances[first].Close()
	after := prometheus.await(t, "the series of the closed instance to end, and those of the other to stay", func(series []labels) bool {
		return len(having(series, "instance", first)) == 0 && len(having(series, "instance", second)) > 0
	})
	if got := len(having(after, "instance", second)); got != want[second] {
		t.Errorf("%d series of the open instance are left, want all %d", got, want[second])
	}
}

// TestScrapeWithoutHonorLabelsRenamesTheInstance shows that the line in the
// shipped configuration is what makes the difference.
func TestScrapeWithoutHonorLabelsRenamesTheInstance(t *testing.T) {
	t.Parallel()
	target := newScrapeTarget(t)
	config := replaceLine(t, target.config(t), `^    honor_labels: true$`, "    honor_labels: false")
	prometheus := startPrometheus(t, target, config)

	series := prometheus.await(t, "the series of the instances", func(series []labels) bool {
		return len(having(series, "__name__", "custodian_engine_queue_depth")) > 0
	})
	if got := len(having(series, "instance", "custodian-sim-001")); got != 0 {
		t.Errorf("%d series have the instance label as served", got)
	}
	depths := having(series, "__name__", "custodian_engine_queue_depth")
	if got := valuesOf(depths, "instance"); !slices.Equal(got, []string{target.addr}) {
		t.Errorf("instances are %q, want the target's address only", got)
	}
	if got, want := valuesOf(depths, "exported_instance"), []string{"", "custodian-sim-001", "custodian-sim-002"}; !slices.Equal(got, want) {
		t.Errorf("exported_instance has the values %q, want %q", got, want)
	}
}

// TestShippedRulesHoldOnTheirExamples has promtool run the unit tests beside the
// rules.
func TestShippedRulesHoldOnTheirExamples(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "config", shippedConfig},
		{"test", "rules", "../configs/prometheus/rules_test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// scrapeTarget serves a registry with two busy instances and one that has no
// name.
type scrapeTarget struct {
	addr      string
	registry  *obs.Registry
	instances map[string]*obs.Instance
	scraped   chan struct{} // has an element after a scrape
}

func newScrapeTarget(t *testing.T) *scrapeTarget {
	t.Helper()
	target := &scrapeTarget{registry: obs.NewRegistry(), instances: map[string]*obs.Instance{}, scraped: make(chan struct{}, 1)}
	for _, name := range []string{"", "custodian-sim-001", "custodian-sim-002"} {
		target.instances[name] = open(t, target.registry, name, obs.InstanceOptions{})
	}
	exercise(t, target.instances["custodian-sim-001"])
	exercise(t, target.instances["custodian-sim-002"])

	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		target.registry.Handler().ServeHTTP(w, r)
		select {
		case target.scraped <- struct{}{}:
		default: // nobody has looked since the last one
		}
	})
	server := httptest.NewUnstartedServer(mux)
	_ = server.Listener.Close()
	server.Listener = listenLow(t)
	server.Start()
	t.Cleanup(server.Close)
	target.addr = server.Listener.Addr().String()
	return target
}

// samples is how many samples the target serves for an instance.
func (s *scrapeTarget) samples(t *testing.T, instance string) int {
	t.Helper()
	count := 0
	for _, line := range scrape(t, s.registry.Handler()) {
		if strings.Contains(line, fmt.Sprintf("instance=%q", instance)) {
			count++
		}
	}
	if count == 0 {
		t.Fatalf("no samples of %s", instance)
	}
	return count
}

// config is the shipped configuration, but for the address of the target and
// the time between scrapes.
func (s *scrapeTarget) config(t *testing.T) string {
	t.Helper()
	shipped, err := os.ReadFile(shippedConfig)
	if err != nil {
		t.Fatal(err)
	}
	config := replaceLine(t, string(shipped), `^          - 127\.0\.0\.1:7080$`, "          - "+s.addr)
	return replaceLine(t, config, `^    scrape_interval: 15s$`, "    scrape_interval: 250ms")
}

// replaceLine replaces the one line that the pattern matches.
func replaceLine(t *testing.T, text, pattern, line string) string {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	if got := len(re.FindAllString(text, -1)); got != 1 {
		t.Fatalf("%d lines of %s match %s, want one", got, shippedConfig, pattern)
	}
	return re.ReplaceAllLiteralString(text, line)
}

// listenLow listens below the system's range for outgoing connections, where
// no client can come to sit on the port.
func listenLow(t *testing.T) net.Listener {
	t.Helper()
	var last error
	for range 5 {
		port, err := servers.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener
		}
		last = err // somebody was faster
	}
	t.Fatal(last)
	return nil
}

// prometheusServer is a running Prometheus that scrapes a target.
type prometheusServer struct {
	*servers.Prometheus
	scraped <-chan struct{}
}

// startPrometheus starts a Prometheus, which ends with the test.
func startPrometheus(t *testing.T, target *scrapeTarget, config string) *prometheusServer {
	t.Helper()
	rules, err := os.ReadFile(shippedRules)
	if err != nil {
		t.Fatal(err)
	}
	server, err := servers.StartPrometheus(t.Context(), config, map[string]string{filepath.Base(shippedRules): string(rules)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", server.LogTail())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return &prometheusServer{Prometheus: server, scraped: target.scraped}
}

// labels are those of one series, its name among them as __name__.
type labels = map[string]string

// await asks for the series that are there at present, again after each scrape,
// until done agrees with the answer.
func (p *prometheusServer) await(t *testing.T, what string, done func([]labels) bool) []labels {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		samples, err := p.Query(ctx, `{job="custodian"}`)
		series := make([]labels, len(samples))
		for i, sample := range samples {
			series[i] = sample.Metric
		}
		if err == nil && done(series) {
			return series
		}
		select {
		case <-p.scraped:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s; the last answer (error %v) has %d series of the instances %q",
				what, err, len(series), valuesOf(series, "instance"))
		}
	}
}

// having returns the series whose label has the value.
func having(series []labels, label, value string) []labels {
	var found []labels
	for _, s := range series {
		if s[label] == value {
			found = append(found, s)
		}
	}
	return found
}

// valuesOf returns the values that a label has among the series, sorted; "" is
// among them if a series lacks it.
func valuesOf(series []labels, label string) []string {
	values := map[string]bool{}
	for _, s := range series {
		values[s[label]] = true
	}
	return slices.Sorted(maps.Keys(values))
}
