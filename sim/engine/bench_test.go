package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// BenchmarkEngineOf64 measures deposits from 64 callers through to a journal in
// memory, with its tables kept up: once at the speed of memory, where batches
// are small, and once with commits that take as long as those of a quick disk.
func BenchmarkEngineOf64(b *testing.B) {
	for _, commit := range []time.Duration{0, 200 * time.Microsecond} {
		for _, keyed := range []bool{false, true} {
			b.Run(fmt.Sprintf("commit=%s/keyed=%v", commit, keyed), func(b *testing.B) { benchmarkEngine(b, commit, keyed) })
		}
	}
}

func benchmarkEngine(b *testing.B, commit time.Duration, keyed bool) {
	bundle := start(b, memory.NewStore())
	bundle.must(deposit("a"))
	if commit > 0 {
		bundle.journal.hook(func(j *journal) {
			j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error {
				time.Sleep(commit)
				return next()
			}
		})
	}
	command := deposit("a")
	var number atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := sim.Request{Command: command}
			if keyed {
				r.IdempotencyKey = strconv.FormatInt(number.Add(1), 10)
			}
			if _, err := bundle.Do(context.Background(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(bundle.journal.appends.Load()), "commands/batch")
	bundle.wantFinish()
}

// BenchmarkLoneRequest measures one caller, who waits for each of his requests.
func BenchmarkLoneRequest(b *testing.B) {
	bundle := start(b, memory.NewStore())
	request := sim.Request{Command: deposit("a")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bundle.Do(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
	bundle.wantFinish()
}
