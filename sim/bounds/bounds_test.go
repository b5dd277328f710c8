package bounds_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
)

func refusal(t *testing.T, e *sim.Error, key string) {
	t.Helper()
	if e == nil {
		t.Fatal("taken on beyond the limit")
	}
	if e.Code != sim.CodeOverloaded || e.RetryAfter != time.Second || !strings.Contains(e.Message, key) {
		t.Errorf("refused with %+v, want one that names %s", e, key)
	}
}

func TestEachBoundRefusesBeyondItsLimitAndTakesAgainWhatWasGivenBack(t *testing.T) {
	t.Parallel()
	counted := counts{}
	b := bounds.New(bounds.Limits{Requests: 2, Streams: 2, Bytes: 2, Connections: 2}, counted)
	connection := func() *sim.Error { e, _ := b.Connection(bounds.HTTP); return e }
	for key, c := range map[string]struct {
		take func() *sim.Error
		give func()
	}{
		"limits.max_in_flight":          {b.Request, b.RequestDone},
		"limits.max_streams":            {b.Stream, b.StreamDone},
		"limits.max_bytes":              {func() *sim.Error { return b.Reserve(1) }, func() { b.Adjust(-1) }},
		"limits.max_client_connections": {connection, func() { b.ConnectionDone(bounds.HTTP) }},
	} {
		for range 2 {
			if e := c.take(); e != nil {
				t.Fatalf("refused within the limit: %v", e)
			}
		}
		refusal(t, c.take(), key)
		c.give()
		if e := c.take(); e != nil {
			t.Errorf("refused though there is room: %v", e)
		}
		refusal(t, c.take(), key)
	}
	for range 2 {
		if _, ok := b.Connection(bounds.GRPC); !ok {
			t.Error("a gRPC connection was refused within the limit")
		}
	}
	if e, ok := b.Connection(bounds.GRPC); ok || e != nil {
		t.Errorf("beyond the limit: %v, %v", e, ok)
	}
	for _, u := range b.Usage() {
		want := 2
		if u.Bound == bounds.GRPCConnections {
			want = 1
		}
		if u.Used != 2 || u.Limit != 2 || counted[string(u.Bound)] != want {
			t.Errorf("%+v, refused %d times", u, counted[string(u.Bound)])
		}
	}
}

func TestRateLetsABurstThroughAndThenSoManyASecond(t *testing.T) {
	t.Parallel()
	counter := counts{}
	b := bounds.New(bounds.Limits{Rate: 1, Burst: 3}, counter)
	for range 3 {
		if e := b.Request(); e != nil {
			t.Fatalf("refused within the burst: %v", e)
		}
	}
	var last *sim.Error
	for range 10 { // one of them may come when a token has grown again
		if e := b.Request(); e != nil {
			last = e
		}
	}
	refusal(t, last, "limits.rate")
	counted := counter["rate"]
	if used := b.Usage()[0].Used; counted == 0 || used != int64(13-counted) {
		t.Errorf("%d refusals, %d under way", counted, used)
	}
}

func TestConnectionsThatComeTooFastWaitOutside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		counted := counts{}
		b := bounds.New(bounds.Limits{ConnectionRate: 10}, counted)
		start := time.Now()
		for range 30 {
			b.AwaitConnection(bounds.HTTP)
		}
		if took := time.Since(start).Round(time.Millisecond); took != 2*time.Second {
			t.Errorf("30 connections were let in within %s, want 10 at once and 10 a second", took)
		}
		b.AwaitConnection(bounds.GRPC)
		if counted["delayed http"] != 20 || counted["delayed grpc"] != 0 {
			t.Errorf("counted %v", counted)
		}
	})
}

// counts are metrics.
type counts map[string]int

func (c counts) RecordBoundRefused(b bounds.Bound)   { c[string(b)]++ }
func (c counts) RecordConnectionDelayed(face string) { c["delayed "+face]++ }

func TestConcurrentCallersNeverExceedALimit(t *testing.T) {
	t.Parallel()
	b := bounds.New(bounds.Limits{Bytes: 100}, nil)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 1000 {
				if b.Reserve(30) == nil {
					if b.Usage()[2].Used > 100+8*30 { // what is about to be refused shows for a moment
						t.Error("more is reserved than there may be")
					}
					b.Adjust(-30)
				}
			}
		})
	}
	callers.Wait()
	if u := b.Usage()[2]; u.Used != 0 {
		t.Errorf("left: %+v", u)
	}
}

func BenchmarkRequest(b *testing.B) {
	bound := bounds.New(bounds.Limits{Rate: 1_000_000_000}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if bound.Request() != nil {
			b.Fatal("refused")
		}
		bound.RequestDone()
	}
}
