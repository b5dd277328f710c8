package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
)

// reportingService answers for the ledger and the event log.
type reportingService struct {
	pb.UnimplementedReportingServiceServer
	*face
}

var _ pb.ReportingServiceServer = (*reportingService)(nil)

// ListLedgerEntries returns a page of ledger entries.
func (s *reportingService) ListLedgerEntries(ctx context.Context, req *pb.ListLedgerEntriesRequest) (*pb.ListLedgerEntriesResponse, error) {
	var in input
	filter := sim.EntryFilter{
		AccountID:     in.filter("account_id", req.GetAccountId(), sim.MaxIdentifier),
		Symbol:        in.filter("symbol", req.GetSymbol(), sim.MaxSymbol),
		AfterSequence: in.sequence("after", req.GetAfter()),
	}
	if id := req.GetSettlementId(); id != "" {
		filter.SettlementID = in.id("settlement_id", id)
	}
	entries, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]sim.Entry, error) { return s.custodian.ListEntries(ctx, filter, p) },
		func(e sim.Entry) string { return entryID(&e) })
	if err != nil {
		return nil, err
	}
	return &pb.ListLedgerEntriesResponse{
		Entries:       messagesIn(ctx, s.face, entries, func(e sim.Entry) *pb.LedgerEntry { return s.shapes.entry(&e) }),
		NextPageToken: next,
	}, nil
}

// ListEvents returns events behind a sequence number.
func (s *reportingService) ListEvents(ctx context.Context, req *pb.ListEventsRequest) (*pb.ListEventsResponse, error) {
	var in input
	after := in.sequence("after", req.GetAfter())
	size := in.pageSize(req.GetPageSize(), s.limits.PageMax)
	if in.err != nil {
		return nil, in.err
	}
	giveBack, err := s.reserve(size, recordBytes)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	events, err := s.custodian.Events(ctx, after, size)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		after = events[len(events)-1].Event.Sequence
	}
	return &pb.ListEventsResponse{
		Events:    messagesIn(ctx, s.face, events, func(r engine.Recorded) *pb.Event { return s.shapes.event(&r) }),
		NextAfter: after,
	}, nil
}
