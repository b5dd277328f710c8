package grpcapi_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

// BenchmarkSettlement measures one settlement over a loopback connection,
// client, server and engine together, on a journal in memory.
func BenchmarkSettlement(b *testing.B) {
	custodian := newCustodian(b)
	s := setup(b, func(o *grpcapi.Options) { o.Custodian = custodian })
	req := &pb.CreateSettlementRequest{SettlementType: "DEPOSIT", AccountId: "a", Symbol: "BTC-USD", Quantity: "1.25"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.settlements.CreateSettlement(context.Background(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleServer measures what a server costs that nobody calls.
func BenchmarkIdleServer(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var servers []*grpcapi.Server
	options := grpcapi.Options{
		Custodian: newCustodian(b), Assets: asset.NewRegistry(), Context: context.Background(), Logger: slog.New(slog.DiscardHandler),
	}
	for b.Loop() {
		servers = append(servers, grpcapi.New(options))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(servers)), "heap-B/server")
	for _, s := range servers {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := s.Drain(ctx); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
}
