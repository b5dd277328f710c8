//go:build integration

package main_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// Where the shipped configuration of Prometheus and Grafana is.
const (
	scrapeConfig = "../../configs/prometheus/prometheus.yml"
	ruleFile     = "../../configs/prometheus/rules.yml"
	dashboards   = "../../configs/grafana/dashboards"
)

// TestEveryShippedQueryFindsSeries has a real Prometheus scrape a supervisor
// whose custodians have been through everything that is counted, and runs each
// query of each dashboard, and the metrics of each rule, against it.
func TestEveryShippedQueryFindsSeries(t *testing.T) {
	t.Parallel()
	var posts atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if posts.Add(1)%3 == 1 {
			w.WriteHeader(http.StatusInternalServerError) // a failed attempt now and then
		}
	}))
	t.Cleanup(receiver.Close)
	s := superviseAll(t, []entry{
		{name: "busy", settings: fmt.Sprintf(`webhooks: {allow_targets: ["127.0.0.0/8"], allow_http: true,
      endpoints: [{id: risk, url: %q, secret: whsec_%s}], retry: {base: 10ms, max: 20ms, attempts: 2}}`,
			receiver.URL, base64.StdEncoding.EncodeToString([]byte(strings.Repeat("example", 4))))},
		{name: "slow", settings: `profile: global-custodian, clock: {mode: manual, now: "2026-11-23T14:00:00Z"}, limits: {max_open_settlements: 1, label_values: 1}`},
	})
	t.Cleanup(func() { _ = s.stop(os.Interrupt) })
	prometheus := scrapedBy(t, s)

	queries := dashboardQueries(t, s.name("busy"))
	for _, metric := range ruleMetrics(t) {
		queries["rules.yml: "+metric] = metric
	}
	s.eventually("every query to find series", func() error {
		s.keepBusy()
		var empty []string
		for where, query := range queries {
			found, err := prometheus.Query(t.Context(), query)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if len(found) == 0 {
				empty = append(empty, where+": "+query)
				continue
			}
			delete(queries, where)
		}
		if len(empty) > 0 {
			slices.Sort(empty)
			return fmt.Errorf("these find nothing:\n%s", strings.Join(empty, "\n"))
		}
		return nil
	})
}

// scrapedBy starts a Prometheus on the shipped configuration, but for the
// target's address and the time between scrapes.
func scrapedBy(t *testing.T, s *supervised) *servers.Prometheus {
	t.Helper()
	config := changed(t, scrapeConfig,
		[2]string{"- 127.0.0.1:7080", "- " + strings.TrimPrefix(s.admin, "http://")},
		[2]string{"scrape_interval: 15s", "scrape_interval: 250ms"})
	return prometheusOf(t, config, map[string]string{filepath.Base(ruleFile): read(t, ruleFile)})
}

// prometheusOf starts a Prometheus on a configuration, with files beside it.
func prometheusOf(t *testing.T, config string, files map[string]string) *servers.Prometheus {
	t.Helper()
	prometheus, err := servers.StartPrometheus(t.Context(), config, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := prometheus.Close(); err != nil {
			t.Error(err)
		}
	})
	return prometheus
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keepBusy has the custodians do what dashboards show. What it does again is
// refused as a duplicate, and counted as well.
func (s *supervised) keepBusy() {
	s.t.Helper()
	busy, slow := s.instance("busy"), s.instance("slow")
	for _, post := range []struct {
		url  string
		body map[string]any
	}{
		{busy.url("/api/v1/settlements"), deposit("fund", "10", "")},
		{busy.url("/api/v1/balances"), map[string]any{"account_id": "fund", "currency": "USD", "available_balance": "1000"}},
		{busy.url("/api/v1/transfers"), map[string]any{"rail": "crypto_internal", "direction": "IN", "account_id": "fund", "symbol": "BTC", "quantity": "1"}},
		// The second symbol is more than there are labels for, the second
		// settlement that stays open more than the limit.
		{slow.url("/api/v1/positions"), map[string]any{"account_id": "fund", "symbol": "BTC", "quantity": "1", "currency": "USD"}},
		{slow.url("/api/v1/positions"), map[string]any{"account_id": "fund", "symbol": "ETH", "quantity": "1", "currency": "USD"}},
		{slow.url("/api/v1/settlements"), deposit("fund", "10", "")},
	} {
		delete(post.body, "external_id")
		if status, body, err := s.try(http.MethodPost, post.url, post.body); err != nil || status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
			s.t.Fatalf("POST %s: status %d, error %v: %s", post.url, status, err, body)
		}
	}
	conn, err := grpc.NewClient(busy.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := pb.NewCustodianServiceClient(conn).ListPositions(ctx, &pb.ListPositionsRequest{}); err != nil {
		s.t.Fatal(err)
	}
}

// labelValues is how a variable of a dashboard gets the values of a label.
var labelValues = regexp.MustCompile(`^label_values\(([a-z0-9_:]+), ([a-z_]+)\)$`)

// dashboardQueries are those of all dashboards, by where they stand, with an
// instance chosen and short intervals.
func dashboardQueries(t *testing.T, instance string) map[string]string {
	t.Helper()
	type panel struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	}
	variables := strings.NewReplacer("$instance", regexp.QuoteMeta(instance)+"|.+", "$__rate_interval", "30s")
	queries := map[string]string{}
	files, err := fs.Glob(os.DirFS(dashboards), "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %q, %v", files, err)
	}
	for _, name := range files {
		var board struct {
			Panels     []panel `json:"panels"`
			Templating struct {
				List []struct {
					Name       string `json:"name"`
					Type       string `json:"type"`
					Definition string `json:"definition"`
				} `json:"list"`
			} `json:"templating"`
		}
		if err := json.Unmarshal([]byte(read(t, filepath.Join(dashboards, name))), &board); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range board.Templating.List {
			if v.Type != "query" {
				continue
			}
			found := labelValues.FindStringSubmatch(v.Definition)
			if found == nil {
				t.Errorf("%s, variable %s: this test does not know how to ask for %q", name, v.Name, v.Definition)
				continue
			}
			queries[fmt.Sprintf("%s, variable %s", name, v.Name)] = fmt.Sprintf("%s{%s!=\"\"}", found[1], found[2])
		}
		for _, p := range board.Panels {
			for i, target := range p.Targets {
				query := variables.Replace(target.Expr)
				if strings.Contains(query, "$") {
					t.Errorf("%s, %s: unknown variable in %s", name, p.Title, query)
				}
				queries[fmt.Sprintf("%s, %s, %d", name, p.Title, i)] = query
			}
		}
	}
	if len(queries) < len(files) {
		t.Fatalf("%d queries in %d dashboards", len(queries), len(files))
	}
	return queries
}

// metricName is a metric of ours, of Prometheus or of the Go libraries, or what
// a rule records.
var metricName = regexp.MustCompile(`\b(?:instance(?:_status)?:[a-z0-9_:]+|(?:custodian|http|grpc|process)_[a-z0-9_]+|up)\b`)

// ruleMetrics are the names of the metrics that the rules' expressions use, but
// for those that other rules record.
func ruleMetrics(t *testing.T) []string {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Record string `yaml:"record"`
				Expr   string `yaml:"expr"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ruleFile)), &rules); err != nil {
		t.Fatal(err)
	}
	recorded := map[string]bool{}
	var names []string
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			recorded[r.Record] = true
			found := metricName.FindAllString(r.Expr, -1)
			if len(found) == 0 {
				t.Errorf("no metric found in %s", r.Expr)
			}
			names = append(names, found...)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return recorded[name] })
	slices.Sort(names)
	return slices.Compact(names)
}
