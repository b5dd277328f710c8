package obs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"
)

// TracingOptions say where traces go.
type TracingOptions struct {
	// Endpoint is the URL of an OTLP receiver over HTTP; its path is /v1/traces
	// unless it has one. Headers, certificates and timeouts are taken from the
	// variables OTEL_EXPORTER_OTLP_* of the OpenTelemetry specification.
	Endpoint string
	// Sample is the share of traces that is kept, of those that begin here. Whether
	// one is kept that began elsewhere was decided there.
	Sample float64
	// Service and Version name this program.
	Service, Version string
	// Logger hears of spans that could not be delivered, at most once a minute; nil
	// discards.
	Logger *slog.Logger
}

// Tracing sends spans to an OTLP receiver. A nil Tracing traces nothing. All methods
// are safe for concurrent use.
//
// Spans wait in a bounded queue; those for which there is no room are dropped, and
// nobody waits for the receiver.
type Tracing struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// tracerName is the instrumentation scope of our own spans.
const tracerName = "github.com/quantfidential/trading-ecosystem/custodian-simulator-go"

// instanceKey is the attribute that tells the spans of instances apart.
const instanceKey = attribute.Key("custodian.instance")

// NewTracing returns where spans go. Nothing is sent before there is a span; a
// receiver that is away is no error. An endpoint that is no URL is.
func NewTracing(ctx context.Context, o TracingOptions) (*Tracing, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL of an OTLP receiver, such as http://127.0.0.1:4318", o.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(o.Service), semconv.ServiceVersion(o.Version)))
	if err != nil {
		return nil, fmt.Errorf("describing this program: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&reportingExporter{SpanExporter: exporter, logger: o.Logger}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(described),
	)
	return &Tracing{
		provider: provider, tracer: provider.Tracer(tracerName),
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}, nil
}

// Close sends what is left, for as long as ctx lasts.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}

// reportEvery is the least time between two lines of the log on spans that could not
// be delivered.
const reportEvery = time.Minute

// reportingExporter logs what the library would print to standard error.
type reportingExporter struct {
	sdktrace.SpanExporter
	logger *slog.Logger

	mu       sync.Mutex
	reported time.Time
}

// ExportSpans implements [sdktrace.SpanExporter]. Its failures end here.
func (e *reportingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err == nil || e.logger == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); now.Sub(e.reported) > reportEvery {
		e.reported = now
		e.logger.Warn("traces could not be delivered and are lost", "spans", len(spans), "error", err)
	}
	return nil
}

// HTTP follows the requests to a handler, which is an instance's or the admin API's
// (no instance). The span's name is the route once [Instance.HTTPMiddleware] or
// [Registry.AdminMiddleware] knows it.
func (t *Tracing) HTTP(instance string, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	options := []otelhttp.Option{otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.propagator),
		otelhttp.WithSpanNameFormatter(spanName), otelhttp.WithFilter(traced)}
	if instance != "" {
		options = append(options, otelhttp.WithSpanOptions(trace.WithAttributes(instanceKey.String(instance))))
	}
	return otelhttp.NewHandler(next, "", options...)
}

// traced reports whether a request is followed. Probes and scrapes are not: they come
// every few seconds for as long as the process runs, and their traces tell nothing.
func traced(r *http.Request) bool {
	switch r.URL.Path {
	case "/api/v1/health", "/api/v1/ready", "/healthz", "/readyz", "/metrics":
		return false
	}
	return true
}

// spanName is asked for twice: when a request comes, and at its end if its route is
// known by then.
func spanName(_ string, r *http.Request) string {
	return strings.TrimSuffix(methodLabel(r.Method)+" "+r.Pattern, " ")
}

// GRPC follows the calls of an instance's gRPC server; nil where nothing is traced.
func (t *Tracing) GRPC(instance string) stats.Handler {
	if t == nil {
		return nil
	}
	return otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(t.propagator),
		otelgrpc.WithSpanAttributes(instanceKey.String(instance)),
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))
}

// routed gives the span of a request the name of its route.
func routed(ctx context.Context, method, endpoint string) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetName(method + " " + endpoint)
		span.SetAttributes(semconv.HTTPRoute(endpoint))
	}
}

// rememberedBatches is for how many batches it is known which trace they belong to,
// for webhooks that are posted later.
const rememberedBatches = 1024

// InstanceTracing follows what an instance does behind its faces. It is safe for
// concurrent use.
type InstanceTracing struct {
	tracing  *Tracing
	instance attribute.KeyValue

	mu      sync.Mutex
	batches []tracedBatch // ordered by their last events
}

type tracedBatch struct {
	first, last uint64
	span        trace.SpanContext
}

// Instance follows an instance; nil where nothing is traced.
func (t *Tracing) Instance(name string) *InstanceTracing {
	if t == nil {
		return nil
	}
	return &InstanceTracing{tracing: t, instance: instanceKey.String(name)}
}

// Batch follows a batch from before its append to the journal. It belongs to the trace
// of the first of its callers that is traced, and links to the requests of all of them.
// Where none is, neither is the batch.
func (i *InstanceTracing) Batch(ctx context.Context, callers []context.Context, first, last uint64) (context.Context, func(error)) {
	var links []trace.Link
	for _, caller := range callers {
		if link := trace.LinkFromContext(caller); link.SpanContext.IsSampled() {
			links = append(links, link)
		}
	}
	if len(links) == 0 {
		return ctx, func(error) {}
	}
	ctx, span := i.tracing.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, links[0].SpanContext), "journal append",
		trace.WithLinks(links...), trace.WithAttributes(i.instance,
			attribute.Int64("custodian.batch.first", int64(first)), attribute.Int64("custodian.batch.last", int64(last)),
			attribute.Int("custodian.batch.requests", len(callers))))
	i.remember(tracedBatch{first, last, span.SpanContext()})
	return ctx, func(err error) { end(span, err) }
}

func end(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

func (i *InstanceTracing) remember(b tracedBatch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := len(i.batches); n > 0 && i.batches[n-1].last >= b.last; n-- {
		i.batches = i.batches[:n-1] // of a batch that was never made durable, or of earlier books
	}
	if len(i.batches) >= rememberedBatches {
		i.batches = append(i.batches[:0], i.batches[rememberedBatches/2:]...)
	}
	i.batches = append(i.batches, b)
}

// batchOf returns the span of the batch that an event is of, if it is remembered.
func (i *InstanceTracing) batchOf(sequence uint64) trace.SpanContext {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := sort.Search(len(i.batches), func(n int) bool { return i.batches[n].last >= sequence })
	if n == len(i.batches) || sequence < i.batches[n].first {
		return trace.SpanContext{}
	}
	return i.batches[n].span
}

// Attempt follows an attempt to post an event to an endpoint, in the trace of the batch
// that made the event durable, and tells the receiver of it by its headers. Where that
// batch is not traced, neither is the attempt.
func (i *InstanceTracing) Attempt(ctx context.Context, endpoint string, sequence uint64, header http.Header) (context.Context, func(status int, err error)) {
	batch := i.batchOf(sequence)
	if !batch.IsSampled() {
		return ctx, func(int, error) {}
	}
	ctx, span := i.tracing.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, batch), "webhook "+endpoint, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(i.instance, attribute.String("custodian.webhook", endpoint), attribute.Int64("custodian.event", int64(sequence))))
	i.tracing.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	return ctx, func(status int, err error) {
		if status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		}
		end(span, err)
	}
}
