package obs_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func sampled(t *testing.T) context.Context {
	t.Helper()
	return sampledAs(t, traceID, spanID)
}

func sampledAs(t *testing.T, traceID, spanID string) context.Context {
	t.Helper()
	id, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		t.Fatal(err)
	}
	span, err := trace.SpanIDFromHex(spanID)
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled}))
}

func TestLinesOfATracedRequestSayItsTrace(t *testing.T) {
	t.Parallel()
	logger, _, out := newLogger(t, "info")
	logger.With("instance", "one").ErrorContext(sampled(t), "request failed", "path", "/")
	if text := taken(out); !strings.Contains(text, `"trace_id":"`+traceID+`"`) || !strings.Contains(text, `"span_id":"`+spanID+`"`) {
		t.Errorf("got %s", text)
	}
	logger.ErrorContext(t.Context(), "request failed")
	if text := taken(out); strings.Contains(text, "trace_id") {
		t.Errorf("without a trace: %s", text)
	}
}

func TestTracesNeedAReceiverThatCanBe(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "::"} {
		if _, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: endpoint}); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:4318") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// collected are the spans that a receiver has taken, by their names.
func collected(t *testing.T, use func(*obs.Tracing)) map[string][]*otlp.Span {
	t.Helper()
	var mu sync.Mutex
	spans := make(map[string][]*otlp.Span)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					spans[span.Name] = append(spans[span.Name], span)
				}
			}
		}
	}))
	defer receiver.Close()
	tracing, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: receiver.URL, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	use(tracing)
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return spans
}

// Both ports name the spans of requests by their routes.
func TestSpansHaveTheNamesOfRoutes(t *testing.T) {
	t.Parallel()
	spans := collected(t, func(tracing *obs.Tracing) {
		registry := obs.NewRegistry()
		router := chi.NewRouter()
		router.Use(registry.AdminMiddleware)
		router.Get("/admin/v1/instances/{name}", func(http.ResponseWriter, *http.Request) {})
		for _, path := range []string{"/admin/v1/instances/one", "/nowhere"} {
			tracing.HTTP("", router).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		}
	})
	for _, name := range []string{"GET /admin/v1/instances/{name}", "GET unmatched"} {
		if len(spans[name]) != 1 {
			t.Errorf("%d spans are named %s: %v", len(spans[name]), name, spans)
		}
	}
}

// A batch is in the trace of the first of its requests, and links to each that is traced.
func TestABatchLinksToEachOfItsRequests(t *testing.T) {
	t.Parallel()
	callers := []context.Context{t.Context(), sampledAs(t, traceID, spanID), sampledAs(t, "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")}
	spans := collected(t, func(tracing *obs.Tracing) {
		_, end := tracing.Instance("one").Batch(t.Context(), callers, 1, 3)
		end(nil)
	})["journal append"]
	if len(spans) != 1 || hex.EncodeToString(spans[0].TraceId) != traceID || hex.EncodeToString(spans[0].ParentSpanId) != spanID {
		t.Fatalf("the batch is %v", spans)
	}
	var links []string
	for _, link := range spans[0].Links {
		links = append(links, hex.EncodeToString(link.TraceId)+"-"+hex.EncodeToString(link.SpanId))
	}
	if want := []string{traceID + "-" + spanID, "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"}; !slices.Equal(links, want) {
		t.Errorf("it links to %s, want %s", links, want)
	}
}

// What is not traced costs nothing and changes nothing.
func TestNoTracingTracesNothing(t *testing.T) {
	t.Parallel()
	var none *obs.Tracing
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	rec := httptest.NewRecorder()
	none.HTTP("one", handler).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if rec.Code != http.StatusTeapot || none.GRPC("one") != nil || none.Instance("one") != nil || none.Close(t.Context()) != nil {
		t.Errorf("got %d, %v, %v", rec.Code, none.GRPC("one"), none.Instance("one"))
	}
}

// An event belongs to the trace of the batch that it became durable in, as long as that
// is remembered; a batch that was never appended is forgotten for the one that takes
// its place.
func TestDeliveriesBelongToTheBatchOfTheirEvent(t *testing.T) {
	t.Parallel()
	tracing, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ended, end := context.WithCancel(t.Context())
		end()
		_ = tracing.Close(ended) // nobody is there
	}()
	one := tracing.Instance("one")
	batch := func(first, last uint64, err error) trace.SpanContext {
		ctx, end := one.Batch(t.Context(), []context.Context{t.Context(), sampled(t)}, first, last)
		end(err)
		return trace.SpanContextFromContext(ctx)
	}
	parent := func(sequence uint64) string {
		header := make(http.Header)
		ctx, end := one.Attempt(t.Context(), "hook", sequence, header)
		end(http.StatusOK, nil)
		if span := trace.SpanContextFromContext(ctx); span.IsValid() != (header.Get("Traceparent") != "") {
			t.Errorf("event %d: the receiver is told %q", sequence, header.Get("Traceparent"))
		}
		return trace.SpanContextFromContext(ctx).TraceID().String()
	}
	const none = "00000000000000000000000000000000"
	if got := parent(1); got != none {
		t.Errorf("an event of an unknown batch is in trace %s", got)
	}
	lost := batch(1, 3, errors.New("the store is away"))
	kept := batch(1, 2, nil)
	if lost.SpanID() == kept.SpanID() || kept.TraceID().String() != traceID {
		t.Fatalf("batches are %v and %v", lost, kept)
	}
	for sequence, want := range map[uint64]string{1: traceID, 2: traceID, 3: none} {
		if got := parent(sequence); got != want {
			t.Errorf("event %d is in trace %s, want %s", sequence, got, want)
		}
	}
	if ctx, end := one.Batch(t.Context(), []context.Context{t.Context()}, 3, 3); ctx != t.Context() {
		t.Error("a batch of nobody's requests is traced")
	} else {
		end(nil)
	}
	for n := range uint64(3000) {
		batch(10+n, 10+n, nil)
	}
	if got := parent(9); got != none {
		t.Errorf("an event of a batch that was not traced is in trace %s", got)
	}
	if got := parent(3009); got != traceID {
		t.Errorf("the last event is in trace %s", got)
	}
}
