package supervisor

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const (
	hookKey    = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	hookOldKey = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
	allowLocal = `"webhooks":{"allow_targets":["127.0.0.1"]}`
)

// logs keeps what is logged, on every level.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// hook adds a webhook endpoint by a request.
func (h *harness) hook(addr, id, url string) answer {
	h.t.Helper()
	return h.want(http.StatusCreated, http.MethodPost, addr, "/api/v1/webhooks", fmt.Sprintf(
		`{"id":%q,"url":%q,"secret":"whsec_%s","previous_secret":"whsec_%s","events":["settlement.*"]}`, id, url+"/?token=hushhush", hookKey, hookOldKey))
}

// hooks are the webhook endpoints of an instance.
func (h *harness) hooks(addr string) string {
	h.t.Helper()
	return h.want(http.StatusOK, http.MethodGet, addr, "/api/v1/webhooks", "").body
}

// silentOn checks that a text has none of the secrets.
func silentOn(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{hookKey, hookOldKey, "hushhush"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s tells the secret %s: %s", where, secret, text)
		}
	}
}

func TestEndpointsThatRequestsAddOutliveTheProcess(t *testing.T) {
	t.Parallel()
	r, log := newReceiver(t), new(logs)
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	first := launch(t, options{config: c, logger: log.logger()})
	status := first.add("one", allowLocal)
	first.hook(status.HTTPAddr, "ops", r.URL)
	first.hook(status.HTTPAddr, "gone", r.URL+"/gone")
	first.want(http.StatusNoContent, http.MethodDelete, status.HTTPAddr, "/api/v1/webhooks/gone", "")
	status = first.must(first.Restart(first.ctx, "one", 0, true))
	first.deposit(status.HTTPAddr, "first")
	first.until("the first came", func() bool { return r.count("settlement.completed") == 1 })
	first.end()

	second := launch(t, options{config: c, logger: log.logger()})
	status = second.awaitState("one", StateRunning)
	second.deposit(status.HTTPAddr, "second")
	second.until("the second came", func() bool { return r.count("settlement.completed") == 2 })
	listed := second.hooks(status.HTTPAddr)
	if !strings.Contains(listed, `"ops"`) || strings.Contains(listed, `"gone"`) || !strings.Contains(listed, `"settlement.*"`) {
		t.Errorf("after the restarts there are %s", listed)
	}
	silentOn(t, "the list", listed)
	silentOn(t, "one", second.want(http.StatusOK, http.MethodGet, status.HTTPAddr, "/api/v1/webhooks/ops", "").body)
	events := second.want(http.StatusOK, http.MethodGet, status.HTTPAddr, "/api/v1/events?limit=1000", "").body
	if !strings.Contains(events, "webhook.saved") || !strings.Contains(events, "webhook.forgotten") {
		t.Errorf("the events are %s", events)
	}
	silentOn(t, "the event log", events)
	byGRPC, err := pb.NewWebhookServiceClient(dialGRPC(t, status.GRPCAddr)).GetWebhook(second.ctx, &pb.GetWebhookRequest{WebhookId: "ops"})
	if err != nil {
		t.Fatal(err)
	}
	silentOn(t, "gRPC", byGRPC.String())
	r.mu.Lock()
	for _, body := range r.came {
		silentOn(t, "a delivery", body)
	}
	r.mu.Unlock()
	second.end()
	silentOn(t, "the log", log.String())
}

func TestEndpointsThatRequestsAddFollowTheJournal(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := launch(t, options{config: testConfig(t)})
	status := h.add("one", allowLocal)
	h.hook(status.HTTPAddr, "ops", r.URL)
	// A snapshot has what is durable, which the endpoint is when it is acknowledged.
	file := h.take("one")
	h.want(http.StatusNoContent, http.MethodDelete, status.HTTPAddr, "/api/v1/webhooks/ops", "")
	h.must(h.Drain(h.ctx, "one", 0, true))
	h.must(h.Restore(h.ctx, "one", bytes.NewReader(file)))
	status = h.must(h.Start(h.ctx, "one", true))
	if listed := h.hooks(status.HTTPAddr); !strings.Contains(listed, `"ops"`) {
		t.Errorf("after the snapshot was restored there are %s", listed)
	}
	h.deposit(status.HTTPAddr, "first")
	h.until("it came", func() bool { return r.count("settlement.completed") == 1 })

	status = h.must(h.Reset(h.ctx, "one", 0, true))
	if listed := h.hooks(status.HTTPAddr); strings.Contains(listed, `"ops"`) {
		t.Errorf("after a reset there are %s", listed)
	}

	// Another instance takes the books over, not the endpoints.
	h.add("other", allowLocal)
	h.must(h.Drain(h.ctx, "other", 0, true))
	h.must(h.Restore(h.ctx, "other", bytes.NewReader(file)))
	status = h.must(h.Start(h.ctx, "other", true))
	if listed := h.hooks(status.HTTPAddr); strings.Contains(listed, `"ops"`) {
		t.Errorf("after the snapshot of another there are %s", listed)
	}
}

func TestACloneDoesNotPostToEndpointsThatRequestsAdded(t *testing.T) {
	t.Parallel()
	added, configured := newReceiver(t), newReceiver(t)
	h := launch(t, options{config: testConfig(t)})
	source := h.add("source", fmt.Sprintf(`"webhooks":{"allow_targets":["127.0.0.1"],"endpoints":[
		{"id":"filed","url":%q,"secret":"whsec_%s"}]}`, configured.URL, hookKey))
	h.hook(source.HTTPAddr, "ops", added.URL)
	clone := h.must(h.Clone(h.ctx, "source", CloneOptions{Name: "copy", HTTPPort: freePort(t), GRPCPort: freePort(t)}))
	if listed := h.hooks(clone.HTTPAddr); strings.Contains(listed, `"ops"`) || !strings.Contains(listed, `"filed"`) {
		t.Errorf("the clone has %s", listed)
	}
	h.deposit(clone.HTTPAddr, "of the clone")
	h.until("the clone posted to what is configured", func() bool { return configured.count("of the clone") > 0 })
	h.deposit(source.HTTPAddr, "of the source")
	h.until("the source posted", func() bool { return added.count("of the source") > 0 })
	// In good order, what is due has been posted when both are stopped.
	h.must(h.Drain(h.ctx, "copy", 0, true))
	if n := added.count("of the clone"); n != 0 {
		t.Errorf("the clone posted %d events to what was added to its source", n)
	}
	clone = h.must(h.Start(h.ctx, "copy", true))
	h.hook(clone.HTTPAddr, "ops", added.URL) // the id is free
	if listed := h.hooks(source.HTTPAddr); !strings.Contains(listed, `"ops"`) {
		t.Errorf("the source has %s", listed)
	}
}

func TestConfiguredEndpointsWinOverThoseThatRequestsAdd(t *testing.T) {
	t.Parallel()
	added, configured := newReceiver(t), newReceiver(t)
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	c.Instances = []config.Instance{entry(t, "one", allowLocal)}
	first := launch(t, options{config: c})
	status := first.awaitState("one", StateRunning)
	first.hook(status.HTTPAddr, "ops", added.URL)
	first.deposit(status.HTTPAddr, "first")
	first.until("the first came", func() bool { return added.count("settlement.completed") == 1 })
	first.end()

	c.Instances[0] = entry(t, "one", fmt.Sprintf(`"webhooks":{"allow_targets":["127.0.0.1"],"endpoints":[
		{"id":"ops","url":%q,"secret":"whsec_%s","events":["settlement.*"]}]}`, configured.URL, hookKey))
	second := launch(t, options{config: c})
	status = second.awaitState("one", StateRunning)
	second.deposit(status.HTTPAddr, "second")
	second.until("the second came", func() bool { return configured.count("settlement.completed") == 1 })
	if n := added.count("settlement.completed"); n != 1 || configured.count(`"first"`) != 0 {
		t.Errorf("the old receiver has %d, and the new one got the first again: %t", n, configured.count(`"first"`) != 0)
	}
	refused := second.want(http.StatusConflict, http.MethodPost, status.HTTPAddr, "/api/v1/webhooks", fmt.Sprintf(`{"id":"ops","url":%q}`, added.URL))
	if !strings.Contains(refused.body, "configuration file") || refused.code() != "already_exists" {
		t.Errorf("adding its id is answered with %s", refused.body)
	}
	second.end()

	c.Instances[0] = entry(t, "one", allowLocal)
	third := launch(t, options{config: c})
	status = third.awaitState("one", StateRunning)
	if listed := third.hooks(status.HTTPAddr); strings.Contains(listed, `"ops"`) {
		t.Errorf("when it is configured no more there are %s", listed)
	}
}
