package obs_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
)

func TestLabelValuesBeyondTheCapAreOther(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{LabelValues: 2})
	for _, account := range []string{"a", "b", "c", "d", "a"} {
		instance.RecordPositionCreated(account, "BTC")
	}
	instance.RecordPositionCreated("c", "ETH")
	instance.RecordPositionCreated("a", "SOL")
	instance.RecordBalanceChange("b", "USD") // the account label is shared by both metrics
	instance.RecordBalanceChange("e", "USD")

	lines := scrape(t, instance.Handler())
	wantSample(t, lines, `custodian_positions_total{account="a",symbol="BTC"} 2`)
	wantSample(t, lines, `custodian_positions_total{account="b",symbol="BTC"} 1`)
	wantSample(t, lines, `custodian_positions_total{account="other",symbol="BTC"} 2`)
	wantSample(t, lines, `custodian_positions_total{account="other",symbol="ETH"} 1`)
	wantSample(t, lines, `custodian_positions_total{account="a",symbol="other"} 1`)
	wantSample(t, lines, `custodian_balance_changes_total{account="b",currency="USD"} 1`)
	wantSample(t, lines, `custodian_balance_changes_total{account="other",currency="USD"} 1`)
	wantSample(t, lines, `custodian_label_values_capped_total{label="account"} 4`)
	wantSample(t, lines, `custodian_label_values_capped_total{label="symbol"} 1`)
	wantNoSample(t, lines, `label="currency"`)
}

func TestPairsBeyondTheCapAreOther(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{LabelValues: 5, Pairs: 7})
	for range 2 {
		for _, account := range []string{"a", "b", "c", "d", "e", "f"} {
			for _, symbol := range []string{"BTC", "ETH", "SOL", "XRP", "DOT"} {
				instance.RecordPositionCreated(account, symbol)
			}
			instance.RecordBalanceChange(account, "USD")
		}
	}
	lines := scrape(t, instance.Handler())
	// The first seven pairs, then one series for all others.
	series := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, "custodian_positions_total{") })
	if len(series) != 7+1 {
		t.Errorf("series: %q", series)
	}
	wantSample(t, lines, `custodian_positions_total{account="a",symbol="DOT"} 2`)
	wantSample(t, lines, `custodian_positions_total{account="b",symbol="ETH"} 2`)
	wantSample(t, lines, `custodian_positions_total{account="other",symbol="other"} 46`)
	// Another metric has its own room for pairs. The accounts are those that
	// all metrics share.
	wantSample(t, lines, `custodian_balance_changes_total{account="e",currency="USD"} 2`)
	wantSample(t, lines, `custodian_balance_changes_total{account="other",currency="USD"} 2`)
	// Each record that lost its account counts once: 46 positions, 2 balances.
	wantSample(t, lines, `custodian_label_values_capped_total{label="account"} 48`)
	wantSample(t, lines, `custodian_label_values_capped_total{label="symbol"} 46`)
}

func TestCapHoldsUnderConcurrentCallers(t *testing.T) {
	t.Parallel()
	const workers, accounts, limit = 8, 50, 10
	_, instance := newInstance(t, obs.InstanceOptions{LabelValues: limit})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for n := range accounts {
				instance.RecordPositionCreated(fmt.Sprintf("account-%d", n), "BTC")
				instance.RecordSettlementProcessed("COMPLETED", "DEPOSIT")
				instance.RecordBatch(1, time.Microsecond)
				instance.SetQueueDepth(n)
				instance.SetRedisUp(n%2 == 0)
			}
		})
	}
	wg.Wait()
	series, total := 0, 0.0
	lines := scrape(t, instance.Handler())
	for _, line := range lines {
		if name, value, _ := strings.Cut(line, " "); strings.HasPrefix(name, "custodian_positions_total{") {
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
			series, total = series+1, total+n
		}
	}
	if series != limit+1 || total != workers*accounts {
		t.Errorf("%d series that add up to %v, want %d and %d", series, total, limit+1, workers*accounts)
	}
	wantSample(t, lines, fmt.Sprintf(`custodian_settlements_total{status="COMPLETED",type="DEPOSIT"} %d`, workers*accounts))
}

func TestValuesThatPrometheusCannotTakeAreRepaired(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	instance.RecordPositionCreated("fund\xff", "BTC")
	instance.RecordPositionCreated("fund\xff", "BTC")
	instance.RecordStreamPublished(-1)
	instance.RecordProjection(-1, time.Millisecond)
	lines := scrape(t, instance.Handler())
	wantSample(t, lines, "custodian_positions_total{account=\"fund\uFFFD\",symbol=\"BTC\"} 2")
	wantSample(t, lines, "custodian_stream_published_total 0")
}

func TestClosedLabelSetsFallBackToOther(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	for _, reason := range []string{"overloaded", "unavailable", "paused", "paused", "whatever", "else"} {
		instance.RecordRefused(reason)
	}
	instance.RecordCacheRequest("miss")
	instance.RecordCacheRequest("sideways")
	lines := scrape(t, instance.Handler())
	wantSample(t, lines, `custodian_engine_refused_total{reason="overloaded"} 1`)
	wantSample(t, lines, `custodian_engine_refused_total{reason="paused"} 2`)
	wantSample(t, lines, `custodian_engine_refused_total{reason="other"} 2`)
	wantSample(t, lines, `custodian_cache_requests_total{result="miss"} 1`)
	wantSample(t, lines, `custodian_cache_requests_total{result="other"} 1`)
}

// recorders are the calls that the engine makes on its only goroutine.
// The instance must have room for two accounts and one pair only.
func recorders(instance *obs.Instance) map[string]func() {
	instance.RecordPositionCreated("fund-a", "BTC") // takes the room of pairs
	instance.RecordBalanceChange("fund-b", "USD")   // takes that of accounts
	return map[string]func(){
		"PositionCreated":     func() { instance.RecordPositionCreated("fund-a", "BTC") },
		"PositionOverCap":     func() { instance.RecordPositionCreated("fund-z", "BTC") },
		"PositionOverPairs":   func() { instance.RecordPositionCreated("fund-a", "ETH") },
		"SettlementProcessed": func() { instance.RecordSettlementProcessed("COMPLETED", "DEPOSIT") },
		"BalanceChange":       func() { instance.RecordBalanceChange("fund-a", "USD") },
		"Batch":               func() { instance.RecordBatch(64, time.Millisecond) },
		"Refused":             func() { instance.RecordRefused("overloaded") },
		"BoundRefused":        func() { instance.RecordBoundRefused(bounds.Streams) },
		"Projection":          func() { instance.RecordProjection(64, time.Millisecond) },
		"ProjectionLag":       func() { instance.SetProjectionLag(3) },
		"QueueDepth":          func() { instance.SetQueueDepth(3) },
		"CacheRequest":        func() { instance.RecordCacheRequest("hit") },
		"RedisUp":             func() { instance.SetRedisUp(true) },
	}
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	// Not parallel: AllocsPerRun counts what other goroutines allocate as well.
	_, instance := newInstance(t, obs.InstanceOptions{LabelValues: 2, Pairs: 1})
	for name, record := range recorders(instance) {
		record() // the first time creates the series
		if allocs := testing.AllocsPerRun(100, record); allocs != 0 {
			t.Errorf("%s allocates %v times", name, allocs)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	registry := obs.NewRegistry()
	instance, err := registry.Instance("custodian-sim-001", obs.InstanceOptions{LabelValues: 2, Pairs: 1})
	if err != nil {
		b.Fatal(err)
	}
	for name, record := range recorders(instance) {
		b.Run(name, func(b *testing.B) {
			record()
			b.ReportAllocs()
			for b.Loop() {
				record()
			}
		})
	}
}
