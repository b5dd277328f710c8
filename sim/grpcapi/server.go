package grpcapi

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// Custodian is what the face needs of an instance; [engine.Engine] has it.
// Errors are [*sim.Error] values or those of the context.
type Custodian interface {
	Do(ctx context.Context, r sim.Request) (sim.Result, error)
	DoAll(ctx context.Context, requests []sim.Request) []engine.Answer
	Account(ctx context.Context, id string) (*sim.Account, error)
	Holding(ctx context.Context, cash bool, id uuid.UUID) (*sim.Holding, error)
	Settlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error)
	ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error)
	ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error)
	ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error)
	Transfer(ctx context.Context, id uuid.UUID) (*sim.Transfer, error)
	ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error)
	MasterBalance(ctx context.Context, clientID string) (*sim.MasterBalance, error)
	SegregatedBalances(ctx context.Context, clientID string) ([]sim.AccountBalances, error)
	Document(ctx context.Context, kind sim.DocumentKind, id string) (*sim.Document, error)
	ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error)
	Clock(ctx context.Context) (setting sim.ClockSetting, now, next time.Time, err error)
	Faults(ctx context.Context) (rules []*sim.FaultRule, now time.Time, err error)
	// FaceFault decides what goes wrong on purpose with a call.
	FaceFault(face sim.Face) sim.FaceFault
	// Durable returns the last sequence number that is durable.
	Durable() uint64
	ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error)
	Events(ctx context.Context, after uint64, limit int) ([]engine.Recorded, error)
	Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error
}

var _ Custodian = (*engine.Engine)(nil)

// Options are what a [Server] is made of.
type Options struct {
	// Custodian answers the requests; required.
	Custodian Custodian
	// Assets gives amounts of cash their minor unit; required.
	Assets *asset.Registry
	// Webhooks manages webhooks; without it WebhookService is UNIMPLEMENTED.
	Webhooks Webhooks
	// Unary and Stream interceptors see every call first, the first of them
	// outermost, and its final status. They see panics go by.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor
	// Stats hears of every call, before the interceptors; nil for nobody.
	Stats stats.Handler
	// Limits bound what callers can make grow; zero fields take defaults.
	Limits Limits
	// Bounds count what the instance has taken on, over both of its faces; nil
	// means bounds of this face's own, from its Limits.
	Bounds *bounds.Bounds
	// OnSlowStream is called when an event stream was ended because its client did
	// not read; may be nil.
	OnSlowStream func()
	// Lane is where the instance's heavy work takes its turns; nil for none.
	Lane *fair.Lane
	// Access knows the API keys; without it, or without keys, everybody is let in.
	Access *access.Guard
	// TLS is nil for clear text.
	TLS *tls.Config
	// Context is the instance's: streams end with it, with UNAVAILABLE.
	// Required.
	Context context.Context
	// Logger takes defects: panics and errors without a code. Required.
	Logger *slog.Logger
	// OnPanic is called after a panic was logged; may be nil.
	OnPanic guard.Report
}

// Server is the gRPC face of one instance. Its methods are safe for concurrent
// use.
type Server struct {
	options Options
	health  *health.Server

	// ending ends when streams are to end: with the instance or a drain.
	ending context.Context
	end    context.CancelCauseFunc

	calls    atomic.Int64 // unary calls under way
	watchers atomic.Int64 // streams of events and instructions under way
	others   atomic.Int64 // streams of health and reflection under way

	mu        sync.Mutex
	listeners []*listener
	grpc      *grpc.Server // nil until it is needed, see [Server.Await]
	draining  bool         // no server is needed any more

	drain   sync.Once
	drained chan struct{} // closed when nothing is left to drain
}

// services are the names under which health checks ask.
func services() []string {
	return []string{
		"", // the server as a whole
		custodianpb.CustodianService_ServiceDesc.ServiceName,
		custodianpb.SettlementService_ServiceDesc.ServiceName,
		custodianpb.TransferService_ServiceDesc.ServiceName,
		custodianpb.ReportingService_ServiceDesc.ServiceName,
		custodianpb.CorporateActionService_ServiceDesc.ServiceName,
		custodianpb.WebhookService_ServiceDesc.ServiceName,
		custodianpb.ClockService_ServiceDesc.ServiceName,
		custodianpb.ChaosService_ServiceDesc.ServiceName,
	}
}

// Buffers are small because a process may host thousands of servers with a few
// mostly idle connections each.
const bufferBytes = 8 << 10

// Windows are fixed: to find the best ones the library would send pings, and have
// them answered, beside small calls.
const streamWindow, connectionWindow = 256 << 10, 1 << 20

// New returns a server that is not listening yet and reports NOT_SERVING.
func New(o Options) *Server {
	o.Limits = o.Limits.withDefaults()
	if o.Bounds == nil {
		o.Bounds = bounds.New(bounds.Limits{
			Requests: o.Limits.MaxInFlight, Streams: o.Limits.MaxWatchers, Connections: o.Limits.MaxConnections,
		}, nil)
	}
	s := &Server{options: o, health: health.NewServer(), drained: make(chan struct{})}
	s.ending, s.end = context.WithCancelCause(o.Context)
	s.SetServing(false)
	return s
}

// server returns grpc-go's server, which is made when it is first asked for, or nil
// where the drain came before. The caller holds mu.
func (s *Server) server() *grpc.Server {
	if s.grpc == nil && !s.draining {
		s.grpc = s.build()
	}
	return s.grpc
}

// build makes grpc-go's server with all services.
func (s *Server) build() *grpc.Server {
	o := &s.options
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	var traced []grpc.ServerOption
	if o.Stats != nil {
		traced = append(traced, grpc.StatsHandler(o.Stats))
	}
	server := grpc.NewServer(append(traced,
		grpc.Creds(transport),
		grpc.InTapHandle(s.bound),
		grpc.ForceServerCodecV2(newCodec(o.Context, o.Bounds, o.Lane, s.contained)),
		grpc.ChainUnaryInterceptor(slices.Concat([]grpc.UnaryServerInterceptor{s.containUnary}, o.Unary, []grpc.UnaryServerInterceptor{s.guardUnary})...),
		grpc.ChainStreamInterceptor(slices.Concat([]grpc.StreamServerInterceptor{s.containStream}, o.Stream, []grpc.StreamServerInterceptor{s.guardStream})...),
		grpc.MaxRecvMsgSize(o.Limits.MaxRecvBytes),
		grpc.MaxConcurrentStreams(o.Limits.MaxConcurrentStreams),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ReadBufferSize(bufferBytes),
		grpc.WriteBufferSize(bufferBytes),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.WaitForHandlers(true),
		// Peers that vanished are found within two and a half minutes; clients
		// may ping every ten seconds, also without calls under way. Connections
		// without calls are closed, and old ones are replaced once their calls are
		// over, streams included: so who was let in by a certificate is asked again.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, MaxConnectionAge: time.Hour, Time: 2 * time.Minute, Timeout: 30 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)...)
	f := &face{custodian: o.Custodian, shapes: shapes{o.Assets}, encoder: view.NewEncoder(o.Assets), limits: o.Limits, bounds: o.Bounds, lane: o.Lane, onSlow: o.OnSlowStream, logger: o.Logger}
	services := registrar{server, s.admit, o.Bounds}
	custodianpb.RegisterCustodianServiceServer(services, &custodianService{face: f})
	custodianpb.RegisterSettlementServiceServer(services, &settlementService{face: f})
	custodianpb.RegisterTransferServiceServer(services, &transferService{face: f})
	custodianpb.RegisterReportingServiceServer(services, &reportingService{face: f})
	custodianpb.RegisterCorporateActionServiceServer(services, &corporateActionService{face: f})
	custodianpb.RegisterWebhookServiceServer(services, &webhookService{face: f, webhooks: o.Webhooks})
	custodianpb.RegisterClockServiceServer(services, &clockService{face: f})
	custodianpb.RegisterChaosServiceServer(services, &chaosService{face: f})
	grpc_health_v1.RegisterHealthServer(services, s.health)
	reflection.Register(services)
	return server
}

// SetServing sets what health checks report, for the server as a whole and for
// each service. It has no effect once the server drains.
func (s *Server) SetServing(serving bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, name := range services() {
		s.health.SetServingStatus(name, status)
	}
}

// Await waits for the first connection that comes in through l, and returns a
// listener for [Server.Serve] that begins with it. Until then there is no more than
// the listener: grpc-go's server with its tables of methods would be a good part of
// the memory of an instance that nobody calls. Where the server drains or l fails
// meanwhile, that is left to Serve.
func (s *Server) Await(l net.Listener) net.Listener {
	tracked := s.track(l)
	conn, err := tracked.Accept()
	if err == nil {
		tracked.first <- conn
	}
	return tracked
}

// track keeps hold of a listener for the drain.
func (s *Server) track(l net.Listener) *listener {
	if tracked, ok := l.(*listener); ok {
		return tracked
	}
	tracked := newListener(l, s.options.Bounds)
	tracked.contained = s.contained
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, tracked)
	if s.draining && s.grpc == nil {
		_ = tracked.Close() // there is nobody to tell
	}
	return tracked
}

// Serve answers calls that come in through l until the server drains, and
// closes l. It returns nil after a drain and the listener's error otherwise.
func (s *Server) Serve(l net.Listener) error {
	tracked := s.track(l)
	s.mu.Lock()
	server := s.server()
	s.mu.Unlock()
	if server == nil {
		_ = tracked.Close() // the drain has closed it already, as a rule
		return nil
	}
	if err := server.Serve(tracked); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// gracefulStop ends grpc-go's server, or sees to it that there will be none.
func (s *Server) gracefulStop() {
	s.mu.Lock()
	s.draining = true
	server, listeners := s.grpc, s.listeners
	s.mu.Unlock()
	if server != nil {
		server.GracefulStop()
		return
	}
	for _, l := range listeners {
		_ = l.Close() // who waits for a connection does so no longer
		l.abort()
	}
}
