package webhook_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// panickyCursors panic at the first call.
type panickyCursors struct {
	webhook.Cursors
	load, save atomic.Bool
}

func (c *panickyCursors) Load(ctx context.Context, id string) (webhook.State, bool, error) {
	if c.load.Swap(false) {
		panic("deliberate")
	}
	return c.Cursors.Load(ctx, id)
}

func (c *panickyCursors) Save(ctx context.Context, id string, s webhook.State) error {
	if s.Sequence > 0 && c.save.Swap(false) {
		panic("deliberate")
	}
	return c.Cursors.Save(ctx, id, s)
}

// panickyMetrics panic at the first word of the lag.
type panickyMetrics struct {
	webhook.Metrics
	armed atomic.Bool
}

func (m *panickyMetrics) SetWebhookLag(string, uint64) {
	if m.armed.Swap(false) {
		panic("deliberate")
	}
}

func (m *panickyMetrics) RecordWebhookDelivered(string) {}

func TestPanicsAreReportedOnceAndNoDeliveryIsLost(t *testing.T) {
	for name, arrange := range map[string]func(o *webhook.Options) (later func(l *lab)){
		"event log": func(*webhook.Options) func(*lab) {
			return func(l *lab) { l.log.breakWith(nil, true) }
		},
		"loading the cursor": func(o *webhook.Options) func(*lab) {
			c := &panickyCursors{Cursors: o.Cursors}
			c.load.Store(true)
			o.Cursors = c
			return nil
		},
		"saving the cursor": func(o *webhook.Options) func(*lab) {
			c := &panickyCursors{Cursors: o.Cursors}
			c.save.Store(true)
			o.Cursors = c
			return nil
		},
		"dialling": func(*webhook.Options) func(*lab) {
			return func(l *lab) {
				var dialled atomic.Bool
				l.DialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
					if !dialled.Swap(true) {
						panic("deliberate")
					}
					return l.receiver.dial(ctx, network, address)
				})
			}
		},
		"measurements": func(o *webhook.Options) func(*lab) {
			m := &panickyMetrics{Metrics: o.Metrics}
			m.armed.Store(true)
			o.Metrics = m
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var told atomic.Int64
				var later func(l *lab)
				l := newLab(t, func(o *webhook.Options) {
					later = arrange(o)
					o.OnPanic = func(p *guard.Panic) {
						if told.Add(1); p.Part != "webhooks" || !strings.Contains(p.Stack, "_test.go") {
							t.Errorf("told of %v: %s", p, p.Stack)
						}
					}
					o.OnContained = func(p *guard.Panic) { t.Errorf("told of %v as of nothing", p) }
				})
				if later != nil {
					later(l)
				}
				l.run()
				l.log.add(completed)
				pass(2 * time.Minute)
				if n := told.Load(); n != 1 {
					t.Errorf("told %d times", n)
				}
				l.receiver.expect("/a", "1")
			})
		})
	}
}

func TestPanicsAboutOneEventAreNoReasonToRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told atomic.Int64
		l := newLab(t, func(o *webhook.Options) {
			o.OnPanic = func(p *guard.Panic) { t.Errorf("told of %v", p) }
			o.OnContained = func(*guard.Panic) { told.Add(1) }
			o.Fault = faultAt(1)
			o.Render = func(r engine.Recorded) ([]byte, error) {
				if r.Event.Sequence == 2 {
					panic("deliberate")
				}
				return render(r)
			}
		}).run()
		l.log.add(completed, completed, completed)
		l.receiver.expect("/a", "1 3")
		if n := told.Load(); n != 2 {
			t.Errorf("told %d times", n)
		}
	})
}

// faultAt panics at one event.
type faultAt uint64

func (f faultAt) Webhook(sequence uint64, _, _ string) webhook.Effect {
	if sequence == uint64(f) {
		panic("deliberate")
	}
	return webhook.Effect{}
}
