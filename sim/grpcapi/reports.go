package grpcapi

import (
	"context"
	"encoding/hex"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
)

const mediaXML = "application/xml"

// GetStatement returns a page of a statement.
func (s *reportingService) GetStatement(ctx context.Context, req *pb.GetStatementRequest) (*pb.Content, error) {
	var in input
	in.require("account_id", req.GetAccountId())
	format := report.Format(in.choice("format", req.GetFormat(), report.Formats()))
	symbol := in.filter("symbol", req.GetSymbol(), sim.MaxSymbol)
	if in.err != nil {
		return nil, in.err
	}
	giveBack, err := s.reserve(max(int(req.GetLimit()), report.DefaultLines), lineBytes)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	made, err := report.Make(ctx, s.custodian, s.shapes.assets, report.Query{
		Kind: report.Kind(req.GetKind()), AccountID: req.GetAccountId(), Date: req.GetDate(), From: req.GetFrom(), To: req.GetTo(),
		Symbol: symbol, Page: int(req.GetPage()), Lines: int(req.GetLimit()), Format: format,
	})
	if err != nil {
		return nil, err
	}
	turn, err := s.lane.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.End()
	content, mediaType, err := made.Write(format, s.shapes.assets)
	if err != nil {
		return nil, err
	}
	return &pb.Content{MediaType: mediaType, Content: content}, nil
}

// GetSettlementConfirmation returns a sese.025.
func (s *reportingService) GetSettlementConfirmation(ctx context.Context, req *pb.GetSettlementConfirmationRequest) (*pb.Content, error) {
	return s.xml(ctx, req.GetSettlementId(), report.Confirmation)
}

// GetSettlementStatusAdvice returns a sese.024.
func (s *reportingService) GetSettlementStatusAdvice(ctx context.Context, req *pb.GetSettlementStatusAdviceRequest) (*pb.Content, error) {
	return s.xml(ctx, req.GetSettlementId(), report.StatusAdvice)
}

func (s *reportingService) xml(ctx context.Context, id string, write func(*sim.Settlement, *asset.Registry) ([]byte, error)) (*pb.Content, error) {
	settlement, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	content, err := write(settlement, s.shapes.assets)
	if err != nil {
		return nil, err
	}
	return &pb.Content{MediaType: mediaXML, Content: content}, nil
}

// ReceiveMessage carries out what an ISO 20022 message instructs.
func (s *reportingService) ReceiveMessage(ctx context.Context, req *pb.ReceiveMessageRequest) (*pb.Content, error) {
	var in input
	received, err := report.Receive(ctx, s.custodian, req.GetContent())
	if err != nil {
		return nil, err
	}
	content, err := received.Answer(s.shapes.assets, func(command sim.Command) (*sim.Settlement, error) {
		return s.doSettlement(ctx, &in, command)
	})
	if err != nil {
		return nil, err
	}
	return &pb.Content{MediaType: mediaXML, Content: content}, nil
}

// GetReconciliation returns the latest reconciliation and a page of breaks.
func (s *reportingService) GetReconciliation(ctx context.Context, req *pb.GetReconciliationRequest) (*pb.GetReconciliationResponse, error) {
	var in input
	filter := report.BreakFilter{
		Status: sim.BreakStatus(in.choice("status", req.GetStatus(), report.BreakStatuses())),
		Symbol: in.filter("symbol", req.GetSymbol(), sim.MaxSymbol),
	}
	breaks, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]*sim.Break, error) { return report.Breaks(ctx, s.custodian, filter, p) },
		func(b *sim.Break) string { return b.ID })
	if err != nil {
		return nil, err
	}
	_, now, _, err := s.custodian.Clock(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := report.LatestReconciliation(ctx, s.custodian)
	if err != nil {
		return nil, err
	}
	out := &pb.GetReconciliationResponse{NextPageToken: next}
	if latest != nil {
		if out.Latest, err = answer(&pb.Reconciliation{}, s.encoder.Document(nil, latest)); err != nil {
			return nil, err
		}
	}
	for _, b := range breaks {
		m, err := answer(&pb.Break{}, s.encoder.Break(nil, b, now))
		if err != nil {
			return nil, err
		}
		out.Breaks = append(out.Breaks, m)
	}
	return out, nil
}

// RunReconciliation compares the books now.
func (s *reportingService) RunReconciliation(ctx context.Context, _ *pb.RunReconciliationRequest) (*pb.Reconciliation, error) {
	var in input
	document, err := s.doDocument(ctx, &in, sim.Reconcile{})
	if err != nil {
		return nil, err
	}
	return answer(&pb.Reconciliation{}, s.encoder.Document(nil, document))
}

// GetState returns where the books are.
func (s *reportingService) GetState(ctx context.Context, _ *pb.GetStateRequest) (*pb.State, error) {
	_, now, next, err := s.custodian.Clock(ctx)
	if err != nil {
		return nil, err
	}
	out := &pb.State{Sequence: s.custodian.Durable(), Now: timestamp(now), NextEvent: timestamp(next)}
	if out.GetSequence() > 0 {
		events, err := s.custodian.Events(ctx, out.GetSequence()-1, 1)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			out.Hash = hex.EncodeToString(events[0].Hash[:])
		}
	}
	return out, nil
}

// corporateActionService answers for corporate actions.
type corporateActionService struct {
	pb.UnimplementedCorporateActionServiceServer
	*face
}

var _ pb.CorporateActionServiceServer = (*corporateActionService)(nil)
