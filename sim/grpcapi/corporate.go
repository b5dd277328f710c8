package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

// action answers with what a command made of a corporate action.
func (s *corporateActionService) action(ctx context.Context, in *input, c sim.Command) (*pb.CorporateAction, error) {
	document, err := s.doDocument(ctx, in, c)
	if err != nil {
		return nil, err
	}
	return answer(&pb.CorporateAction{}, s.encoder.Document(nil, document))
}

// AnnounceCorporateAction announces a corporate action.
func (s *corporateActionService) AnnounceCorporateAction(ctx context.Context, req *pb.AnnounceCorporateActionRequest) (*pb.CorporateAction, error) {
	var in input
	var announced request.CorporateAction
	read(&in, req, &announced)
	return s.action(ctx, &in, announced.Command())
}

// document returns a document by its id.
func (s *corporateActionService) document(ctx context.Context, in *input, kind sim.DocumentKind, id string) ([]byte, error) {
	if in.err != nil {
		return nil, in.err
	}
	document, err := s.custodian.Document(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	return s.encoder.Document(nil, document), nil
}

// GetCorporateAction returns a corporate action.
func (s *corporateActionService) GetCorporateAction(ctx context.Context, req *pb.GetCorporateActionRequest) (*pb.CorporateAction, error) {
	var in input
	in.require("corporate_action_id", req.GetCorporateActionId())
	object, err := s.document(ctx, &in, sim.DocumentCorporateAction, req.GetCorporateActionId())
	if err != nil {
		return nil, err
	}
	return answer(&pb.CorporateAction{}, object)
}

// GetEntitlements returns a part of what accounts get.
func (s *corporateActionService) GetEntitlements(ctx context.Context, req *pb.GetEntitlementsRequest) (*pb.Entitlements, error) {
	var in input
	in.require("corporate_action_id", req.GetCorporateActionId())
	part := int(req.GetPart())
	switch {
	case part == 0:
		part = 1
	case part < 0 || part > report.MaxParts:
		in.fail("part", "must be from 1 to %d", report.MaxParts)
	}
	object, err := s.document(ctx, &in, sim.DocumentEntitlement, sim.EntitlementID(req.GetCorporateActionId(), part))
	if err != nil {
		return nil, err
	}
	return answer(&pb.Entitlements{}, object)
}

// ListCorporateActions returns a page of corporate actions.
func (s *corporateActionService) ListCorporateActions(ctx context.Context, req *pb.ListCorporateActionsRequest) (*pb.ListCorporateActionsResponse, error) {
	var in input
	documents, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]*sim.Document, error) {
			return s.custodian.ListDocuments(ctx, sim.DocumentCorporateAction, p)
		},
		func(v *sim.Document) string { return v.ID })
	if err != nil {
		return nil, err
	}
	out := &pb.ListCorporateActionsResponse{NextPageToken: next}
	for _, v := range documents {
		m, err := answer(&pb.CorporateAction{}, s.encoder.Document(nil, v))
		if err != nil {
			return nil, err
		}
		out.CorporateActions = append(out.CorporateActions, m)
	}
	return out, nil
}

// CancelCorporateAction cancels a corporate action.
func (s *corporateActionService) CancelCorporateAction(ctx context.Context, req *pb.CancelCorporateActionRequest) (*pb.CorporateAction, error) {
	var in input
	in.require("corporate_action_id", req.GetCorporateActionId())
	return s.action(ctx, &in, sim.CancelCorporateAction{ID: req.GetCorporateActionId()})
}
