package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// How often cursors are saved in the books: each time is an event. What was
// posted and not saved is posted again after a crash, under the same id.
const (
	cursorInterval = 2 * time.Second
	cursorEvents   = 500
)

func (g *group) buildWebhooks(i *instance, spec Spec, assets *asset.Registry, traces *obs.InstanceTracing) error {
	targets, err := spec.Webhooks.Targets()
	if err != nil {
		return err
	}
	encoder := view.NewEncoder(assets)
	configured := make(map[string]bool)
	for _, e := range spec.Webhooks.Endpoints {
		configured[e.ID] = true
	}
	g.webhooks, err = webhook.New(webhook.Options{
		Instance: spec.Name, Source: &postable{engine: g.engine}, Cursors: cursors{g.engine}, Begin: g.engine.Began,
		Render:    func(r engine.Recorded) ([]byte, error) { return encoder.EventData(nil, r.Event), nil },
		Endpoints: spec.Webhooks.EndpointList(), Added: &added{g.engine, spec.Name, configured, g.logger}, Targets: targets, Retry: spec.Webhooks.RetryPolicy(),
		Tracer: webhookTracer(traces), Fault: webhookFaults{g.engine}, Metrics: i.metrics, Logger: g.logger, OnPanic: g.panicked, OnContained: g.contained,
		Timeout: spec.Webhooks.Timeout.Std(), MaxEndpoints: spec.Webhooks.MaxEndpoints,
		SaveInterval: cursorInterval, SaveEvery: cursorEvents,
	})
	return err
}

// postable is an engine's event log without the housekeeping about webhooks, which
// else would cause itself.
type postable struct {
	engine *engine.Engine

	mu sync.Mutex // held for moments
	// seen is how far any follower has come, shown the last event before it that
	// is no housekeeping.
	seen, shown uint64
}

// Durable implements [webhook.Source].
func (p *postable) Durable() uint64 {
	durable := p.engine.Durable()
	p.mu.Lock()
	defer p.mu.Unlock()
	if durable == p.seen {
		return p.shown
	}
	return durable
}

// Follow implements [webhook.Source].
func (p *postable) Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error {
	return p.engine.Follow(ctx, after, func(events []engine.Recorded) error {
		shown := events[:0:0]
		last := after
		for _, r := range events {
			if !r.Event.Type.Housekeeping() {
				shown = append(shown, r)
				last = r.Event.Sequence
			}
		}
		after = last
		p.saw(events[len(events)-1].Event.Sequence, last)
		// Also with none: whoever holds events back for more that is durable is to
		// find that there is no more.
		return fn(shown)
	})
}

// saw notes how far a follower has come.
func (p *postable) saw(seen, shown uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seen >= p.seen {
		p.seen, p.shown = seen, max(p.shown, shown)
	}
}

// cursors keep in the books how far webhooks have come.
type cursors struct{ engine *engine.Engine }

// Load implements [webhook.Cursors].
func (c cursors) Load(ctx context.Context, endpoint string) (state webhook.State, known bool, err error) {
	body, err := c.engine.WebhookState(ctx, endpoint)
	if err != nil || body == nil {
		return state, false, err
	}
	if err := json.Unmarshal(body, &state); err != nil {
		return state, false, fmt.Errorf("reading the state of webhook endpoint %s: %w", endpoint, err)
	}
	return state, true, nil
}

// Save implements [webhook.Cursors].
func (c cursors) Save(ctx context.Context, endpoint string, state webhook.State) error {
	body, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return c.engine.SaveWebhook(ctx, endpoint, body)
}

// Delete implements [webhook.Cursors].
func (c cursors) Delete(ctx context.Context, endpoint string) error {
	return c.engine.ForgetWebhook(ctx, endpoint)
}

// webhookFaults asks the instance's fault rules what goes wrong with deliveries.
type webhookFaults struct{ engine *engine.Engine }

// Webhook implements [webhook.Fault].
func (f webhookFaults) Webhook(sequence uint64, _, endpoint string) webhook.Effect {
	return webhook.Effect(f.engine.WebhookFault(sequence, endpoint))
}
