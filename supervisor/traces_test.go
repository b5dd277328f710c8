package supervisor

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// tracesReceiver takes the traces that a process sends, and the webhooks that it posts.
type tracesReceiver struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	spans   []*otlp.Span
	parents []string // of webhooks, as their headers say
}

func newTraces(t *testing.T) *tracesReceiver {
	t.Helper()
	r := &tracesReceiver{t: t}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *tracesReceiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if request.URL.Path == "/hook" {
		r.parents = append(r.parents, request.Header.Get("Traceparent"))
		return
	}
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil || request.URL.Path != "/v1/traces" {
		r.t.Errorf("%s: %v", request.URL.Path, err)
	}
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// find returns the spans of a name.
func (r *tracesReceiver) find(name string) (found []*otlp.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

func attributeOf(s *otlp.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return strings.Trim(strings.TrimSpace(a.Value.String()[strings.Index(a.Value.String(), ":")+1:]), `"`)
		}
	}
	return ""
}

// A request is followed from its caller through the batch that made it durable to the
// webhook that tells of it, over either face; what nobody follows leaves no trace.
func TestRequestsAreFollowedToTheJournalAndToWebhooks(t *testing.T) {
	t.Parallel()
	r := newTraces(t)
	tracing, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: r.url, Sample: 0, Service: "custodian", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	h := launch(t, options{config: testConfig(t), tracing: tracing})
	one := h.add("one", fmt.Sprintf(`"webhooks":{"allow_http":true,"allow_targets":["127.0.0.1"],"endpoints":[{"id":"hook","url":%q,"secret":"whsec_%s"}]}`,
		r.url+"/hook", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	const overHTTP, overGRPC = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, traced := range []bool{false, true} {
		request, err := http.NewRequestWithContext(h.ctx, http.MethodPost, "http://"+one.HTTPAddr+"/api/v1/settlements", strings.NewReader(depositBody(fmt.Sprint("http-", traced))))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		ctx := h.ctx
		if traced {
			request.Header.Set("Traceparent", "00-"+overHTTP+"-b7ad6b7169203331-01")
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", "00-"+overGRPC+"-00f067aa0ba902b7-01")
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil || answer.StatusCode != http.StatusCreated {
			t.Fatalf("%v %v", answer, err)
		}
		_ = answer.Body.Close()
		_, err = custodianpb.NewSettlementServiceClient(dialGRPC(t, one.GRPCAddr)).CreateSettlement(ctx, &custodianpb.CreateSettlementRequest{
			SettlementType: "DEPOSIT", AccountId: "a", Symbol: "BTC-USD", Quantity: "1", ExternalId: fmt.Sprint("grpc-", traced),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.until("the webhooks are posted", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.parents) >= 5 // the account's opening, and four settlements
	})
	h.must(h.Drain(h.ctx, "one", 0, true))
	if err := tracing.Close(h.ctx); err != nil {
		t.Fatal(err)
	}

	appends, hooks := r.find("journal append"), r.find("webhook hook")
	if len(appends) != 2 || len(hooks) != 2 {
		t.Fatalf("%d appends and %d deliveries were followed", len(appends), len(hooks))
	}
	for name, trace := range map[string]string{"POST /api/v1/settlements": overHTTP, "custodian.SettlementService/CreateSettlement": overGRPC} {
		server := r.find(name)
		if len(server) != 1 || hex.EncodeToString(server[0].TraceId) != trace || attributeOf(server[0], "custodian.instance") != "one" {
			t.Fatalf("%s: %v", name, server)
		}
		in := func(spans []*otlp.Span) *otlp.Span {
			n := slices.IndexFunc(spans, func(s *otlp.Span) bool { return hex.EncodeToString(s.TraceId) == trace })
			if n < 0 {
				t.Fatalf("%s: not in its trace: %v", name, spans)
			}
			return spans[n]
		}
		batch, hook := in(appends), in(hooks)
		if string(batch.ParentSpanId) != string(server[0].SpanId) || len(batch.Links) != 1 || string(batch.Links[0].SpanId) != string(server[0].SpanId) {
			t.Errorf("%s: the batch is %v", name, batch)
		}
		if string(hook.ParentSpanId) != string(batch.SpanId) || attributeOf(hook, "custodian.event") != attributeOf(batch, "custodian.batch.last") {
			t.Errorf("%s: the delivery is %v", name, hook)
		}
		r.mu.Lock()
		want := fmt.Sprintf("00-%s-%s-01", trace, hex.EncodeToString(hook.SpanId))
		if !slices.Contains(r.parents, want) {
			t.Errorf("no receiver was told %s, but %v", want, r.parents)
		}
		r.mu.Unlock()
	}
}

// A receiver that is away costs nobody anything but a line in the log.
func TestAReceiverOfTracesThatIsAwayHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var log logBuffer
	tracing, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: "http://127.0.0.1:1", Sample: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h := launch(t, options{config: testConfig(t), tracing: tracing})
	one := h.add("one")
	for n := range 10 {
		h.deposit(one.HTTPAddr, fmt.Sprint("d-", n))
	}
	h.must(h.Drain(h.ctx, "one", 0, true))
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	if err := tracing.Close(ctx); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, "traces could not be delivered") != 1 {
		t.Errorf("the log says %s", text)
	}
}
