package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest"
)

func TestLoadIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	c := custodiantest.Start(t)
	for face, connect := range map[string]connector{
		"http": httpDeposits(strings.TrimPrefix(c.URL, "http://"), "h"), "grpc": grpcDeposits(c.GRPCAddr, "g"),
	} {
		o, err := closedLoop(t.Context(), 4, 100*time.Millisecond, connect)
		if err != nil || o.perSecond < 100 || o.p50 <= 0 || o.p99 < o.p50 || o.p999 < o.p99 {
			t.Errorf("%s: %+v, %v", face, o, err)
		}
	}
}

func TestLoadThatIsRefusedIsAnError(t *testing.T) {
	t.Parallel()
	c := custodiantest.Start(t)
	for face, connect := range map[string]connector{
		"http": httpDeposits(strings.TrimPrefix(c.URL, "http://"), strings.Repeat("x", 1000)), "grpc": grpcDeposits(c.GRPCAddr, strings.Repeat("x", 1000)),
	} {
		if _, err := closedLoop(t.Context(), 1, 100*time.Millisecond, connect); err == nil || !strings.Contains(err.Error(), "external_id") {
			t.Errorf("%s: %v", face, err)
		}
	}
}

func TestLoadIsSpread(t *testing.T) {
	t.Parallel()
	var used [3]int
	over := make([]connector, len(used))
	for i := range over {
		over[i] = func(context.Context) (call, func(), error) {
			used[i]++
			return func(context.Context, uint64) error { return nil }, func() {}, nil
		}
	}
	if _, err := closedLoop(t.Context(), 6, time.Millisecond, spread(over)); err != nil || used != [3]int{2, 2, 2} {
		t.Errorf("%v, %v", used, err)
	}
}

func TestLagIsSummedUpByQuarters(t *testing.T) {
	t.Parallel()
	samples := []sample{
		{at: -time.Second, lag: 1000}, {at: 0, lag: 1}, {at: 9 * time.Second, lag: 3}, {at: 10 * time.Second, lag: 7},
		{at: 39 * time.Second, lag: 5}, {at: 40 * time.Second, lag: 1000},
	}
	if got, want := quarterMeans(samples, 40*time.Second), [4]float64{2, 7, 0, 5}; got != want {
		t.Errorf("%v, not %v", got, want)
	}
}
