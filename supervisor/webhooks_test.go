package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
)

// receiver takes webhooks and keeps what came, by id.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	came map[string]string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: make(map[string]string)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, twice := r.came[q.Header.Get("webhook-id")]; twice {
			t.Errorf("%s came twice", q.Header.Get("webhook-id"))
		}
		r.came[q.Header.Get("webhook-id")] = string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) count(containing string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, body := range r.came {
		if strings.Contains(body, containing) {
			n++
		}
	}
	return n
}

func TestWebhooksArePostedOnceAndGoOnAfterADrain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := launch(t, options{config: testConfig(t)})
	status := h.add("one", fmt.Sprintf(`"webhooks":{"allow_targets":["127.0.0.1"],"endpoints":[
		{"id":"ops","url":%q,"secret":"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}]}`, r.URL))
	h.deposit(status.HTTPAddr, "first")
	h.until("the first came", func() bool { return r.count("settlement.completed") == 1 })
	h.must(h.Drain(h.ctx, "one", 0, true))
	status = h.must(h.Start(h.ctx, "one", true))
	h.deposit(status.HTTPAddr, "second")
	h.until("the second came", func() bool { return r.count("settlement.completed") == 2 })
	h.must(h.Drain(h.ctx, "one", 0, true))
	if n := r.count(`"webhook.`); n != 0 {
		t.Errorf("%d events of housekeeping were posted", n)
	}
	if lines := h.scrape("custodian_webhook"); len(lines) != 0 {
		t.Errorf("a drained instance has the series %q", lines)
	}
}

func TestEventsAreNotHeldBackForHousekeepingBehindThem(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	h.deposit(h.add("one").HTTPAddr, "first")
	i := mustFind(h, "one")
	i.mu.Lock()
	events := &postable{engine: i.group.engine}
	i.mu.Unlock()
	if err := events.engine.SaveWebhook(h.ctx, "ops", []byte(`{"sequence":1}`)); err != nil {
		t.Fatal(err)
	}
	// As a delivery does that gathers what there is.
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	errEnough, last := errors.New("enough"), uint64(0)
	err := events.Follow(ctx, 0, func(recorded []engine.Recorded) error {
		if len(recorded) > 0 {
			last = recorded[len(recorded)-1].Event.Sequence
		}
		if last >= events.Durable() {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("waits for an event behind %d: %v", last, err)
	}
}
