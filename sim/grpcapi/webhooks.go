package grpcapi

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request/hook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// Webhooks manages the endpoints that events are delivered to; [webhook.Manager]
// has it. Errors are [*sim.Error] values.
type Webhooks interface {
	Add(ctx context.Context, e webhook.Endpoint) error
	Remove(ctx context.Context, id string) error
	List() []webhook.Status
	Status(id string) (webhook.Status, error)
	Resend(id string, from, until uint64) error
	ResendFailed(id string) (int, error)
}

var _ Webhooks = (*webhook.Manager)(nil)

// webhookService answers for webhooks.
type webhookService struct {
	pb.UnimplementedWebhookServiceServer
	*face
	webhooks Webhooks
}

var _ pb.WebhookServiceServer = (*webhookService)(nil)

// begin refuses calls where there are no webhooks, and ids that are not there.
func (s *webhookService) begin(id string, needed bool) error {
	if s.webhooks == nil {
		return status.Error(codes.Unimplemented, "this custodian has no webhooks")
	}
	var in input
	if needed {
		in.require("webhook_id", id)
	}
	return in.err
}

func (s *webhookService) status(id string) (*pb.Webhook, error) {
	stands, err := s.webhooks.Status(id)
	if err != nil {
		return nil, err
	}
	object, err := json.Marshal(stands)
	if err != nil {
		return nil, err
	}
	return answer(&pb.Webhook{}, object)
}

// AddWebhook adds an endpoint.
func (s *webhookService) AddWebhook(ctx context.Context, req *pb.AddWebhookRequest) (*pb.Webhook, error) {
	if err := s.begin("", false); err != nil {
		return nil, err
	}
	var in input
	var added hook.Webhook
	if read(&in, req, &added); in.err != nil {
		return nil, in.err
	}
	endpoint, err := added.Endpoint()
	if err != nil {
		return nil, err
	}
	if err := s.webhooks.Add(ctx, endpoint); err != nil {
		return nil, err
	}
	out, err := s.status(endpoint.ID)
	if err != nil {
		return nil, err
	}
	out.Secret = endpoint.Secret.Reveal()
	return out, nil
}

// GetWebhook returns a webhook.
func (s *webhookService) GetWebhook(_ context.Context, req *pb.GetWebhookRequest) (*pb.Webhook, error) {
	if err := s.begin(req.GetWebhookId(), true); err != nil {
		return nil, err
	}
	return s.status(req.GetWebhookId())
}

// ListWebhooks returns all webhooks.
func (s *webhookService) ListWebhooks(context.Context, *pb.ListWebhooksRequest) (*pb.ListWebhooksResponse, error) {
	if err := s.begin("", false); err != nil {
		return nil, err
	}
	object, err := json.Marshal(map[string]any{"webhooks": s.webhooks.List()})
	if err != nil {
		return nil, err
	}
	return answer(&pb.ListWebhooksResponse{}, object)
}

// RemoveWebhook removes a webhook.
func (s *webhookService) RemoveWebhook(ctx context.Context, req *pb.RemoveWebhookRequest) (*pb.RemoveWebhookResponse, error) {
	if err := s.begin(req.GetWebhookId(), true); err != nil {
		return nil, err
	}
	if err := s.webhooks.Remove(ctx, req.GetWebhookId()); err != nil {
		return nil, err
	}
	return &pb.RemoveWebhookResponse{}, nil
}

// ResendWebhook sends events again.
func (s *webhookService) ResendWebhook(_ context.Context, req *pb.ResendWebhookRequest) (*pb.Webhook, error) {
	if err := s.begin(req.GetWebhookId(), true); err != nil {
		return nil, err
	}
	var in input
	var resend hook.Resend
	if read(&in, req, &resend); in.err != nil {
		return nil, in.err
	}
	if err := resend.Do(s.webhooks, req.GetWebhookId()); err != nil {
		return nil, err
	}
	return s.status(req.GetWebhookId())
}
