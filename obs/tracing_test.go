package obs_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func sampled(t *testing.T) context.Context {
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
