package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest"
)

func TestLoadIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	for face, connect := range map[string]func(*custodiantest.Custodian) connector{
		"http": func(c *custodiantest.Custodian) connector {
			return httpDeposits(strings.TrimPrefix(c.URL, "http://"), "h")
		},
		"grpc": func(c *custodiantest.Custodian) connector { return grpcDeposits(c.GRPCAddr, "g") },
	} {
		c := custodiantest.Start(t)
		const length = 500 * time.Millisecond
		o, err := closedLoop(t.Context(), 4, length, connect(c))
		if err != nil {
			t.Errorf("%s: %v", face, err)
			continue
		}
		instructed := uint64(0)
		for _, event := range c.Events(0) {
			if strings.HasPrefix(event.GetType(), "settlement.") { // one each, for the clock stands
				instructed++
			}
		}
		// How many it was depends on how busy the machine is.
		counted := o.perSecond * length.Seconds()
		if o.requests != instructed || counted < 1 || counted > float64(instructed) || o.p50 <= 0 || o.p99 < o.p50 || o.p999 < o.p99 {
			t.Errorf("%s: %+v, of which the custodian took %d", face, o, instructed)
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

func TestScatteredIDsAreDistinctAndFallEverywhere(t *testing.T) {
	t.Parallel()
	const ids = 1600
	name, seen, begin := scattered("run"), map[string]bool{}, map[byte]int{}
	for n := range uint64(ids) {
		id := name(n)
		seen[id] = true
		begin[id[0]]++
	}
	if len(seen) != ids || len(begin) != 16 {
		t.Fatalf("%d of %d ids, which begin with %d of 16 digits", len(seen), ids, len(begin))
	}
	for digit, n := range begin {
		if n < ids/16/2 || n > ids/16*2 {
			t.Errorf("%d of %d ids begin with %q", n, ids, digit)
		}
	}
}

func TestHistoryIsFilled(t *testing.T) {
	t.Parallel()
	c := custodiantest.Start(t)
	g := &grown{size: 2 * bulkSize, address: strings.TrimPrefix(c.URL, "http://")}
	if err := g.fill(t.Context(), &process{metrics: c.URL + "/metrics"}); err != nil {
		t.Fatal(err)
	}
	first, last := scattered("history")(0), scattered("history")(2*bulkSize-1)
	for id, want := range map[string]int{first: 1, last: 1, scattered("history")(2 * bulkSize): 0} {
		resp, err := http.Get(c.URL + "/api/v1/settlements?external_id=" + id)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Settlements []json.RawMessage }
		if err := errors.Join(json.NewDecoder(resp.Body).Decode(&page), resp.Body.Close()); err != nil || len(page.Settlements) != want {
			t.Errorf("%s: %d settlements, not %d, %v", id, len(page.Settlements), want, err)
		}
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

func TestTablesAreWaitedFor(t *testing.T) {
	t.Parallel()
	left := 3
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "custodian_projection_lag_events{instance=\"a\"} %d\ncustodian_projection_lag_events{instance=\"b\"} %d\nother{} 9\n", left, left)
		left--
	}))
	defer server.Close()
	lag, err := (&process{metrics: server.URL}).catchUp(t.Context())
	if lag != 6 || left != -1 || err != nil {
		t.Errorf("lag %v, then %d scrapes more, %v", lag, 2-left, err)
	}
}

func TestChildrenThatEndedAreCounted(t *testing.T) {
	t.Parallel()
	before, err := usedByFamily(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	earlier, err := readStat("self")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	later, err := readStat("self")
	if err != nil {
		t.Fatal(err)
	}
	ended := later.ended - earlier.ended
	if after, err := usedByFamily(os.Getpid()); err != nil || ended <= 0 || after < before+ended {
		t.Errorf("%v, then %v with %v of one that ended, %v", before, after, ended, err)
	}
}
