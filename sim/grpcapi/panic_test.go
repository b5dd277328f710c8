package grpcapi_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// panickyLog is a custodian whose event log panics.
type panickyLog struct{ grpcapi.Custodian }

func (panickyLog) Follow(context.Context, uint64, func([]engine.Recorded) error) error {
	panic("deliberate")
}

// brokenMessage is an answer that cannot be written.
type brokenMessage struct{ *pb.Account }

func (brokenMessage) ProtoReflect() protoreflect.Message { panic("deliberate") }

// brokenStream cannot be read from.
type brokenStream struct{ grpc.ServerStream }

func (brokenStream) RecvMsg(any) error { panic("deliberate") }

func getAccount(b *bundle) error {
	_, err := b.custody.GetAccount(context.Background(), &pb.GetAccountRequest{AccountId: "a"})
	return err
}

func TestAPanicAnswersItsOwnCallAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrange func(o *grpcapi.Options)
		call    func(b *bundle) error
	}{
		"unary handler": {func(o *grpcapi.Options) {
			o.Custodian = scripted{o.Custodian, func(context.Context) (*sim.Account, error) { panic("deliberate") }}
		}, getAccount},
		"unary interceptor": {func(o *grpcapi.Options) {
			o.Unary = append(o.Unary, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				if strings.HasSuffix(info.FullMethod, "/GetAccount") {
					panic("deliberate")
				}
				return next(ctx, req)
			})
		}, getAccount},
		"writing the answer": {func(o *grpcapi.Options) {
			o.Unary = append(o.Unary, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				if strings.HasSuffix(info.FullMethod, "/GetAccount") {
					return brokenMessage{}, nil
				}
				return next(ctx, req)
			})
		}, getAccount},
		"stream": {func(o *grpcapi.Options) { o.Custodian = panickyLog{o.Custodian} }, func(b *bundle) error {
			stream, err := b.reporting.WatchEvents(context.Background(), &pb.WatchEventsRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}},
		"goroutine that receives": {func(o *grpcapi.Options) {
			o.Stream = append(o.Stream, func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
				return next(srv, brokenStream{stream})
			})
		}, func(b *bundle) error {
			stream, err := reflectionpb.NewServerReflectionClient(b.conn).ServerReflectionInfo(context.Background())
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedText
			panicked := make(chan *guard.Panic, 8)
			b := setup(t, func(o *grpcapi.Options) {
				c.arrange(o)
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
				o.OnPanic = func(p *guard.Panic) { panicked <- p }
			})
			if r := refused(t, c.call(b)); r.code != codes.Internal || strings.Contains(r.message, "deliberate") {
				t.Errorf("answered %s %q", r.code, r.message)
			}
			if p := <-panicked; p.Value != "deliberate" {
				t.Errorf("told of %v", p)
			}
			if text := log.String(); strings.Count(text, "stack=") != 1 || !strings.Contains(text, "panic_test.go") {
				t.Errorf("the log has not the one stack: %s", text)
			}
			must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1")))
		})
	}
}

// brokenListener accepts connections of which the first cannot be read from.
type brokenListener struct {
	net.Listener
	broken atomic.Bool
}

func (l *brokenListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && !l.broken.Swap(true) {
		return brokenConn{conn}, nil
	}
	return conn, err
}

type brokenConn struct{ net.Conn }

func (brokenConn) Read([]byte) (int, error) { panic("deliberate") }

func TestAPanicOnAConnectionEndsThatConnection(t *testing.T) {
	t.Parallel()
	panicked := make(chan *guard.Panic, 8)
	b := setup(t, func(o *grpcapi.Options) { o.OnPanic = func(p *guard.Panic) { panicked <- p } })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(&brokenListener{Listener: listener}) }()
	first, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	if p := <-panicked; p.Value != "deliberate" {
		t.Errorf("told of %v", p)
	}
	if n, err := first.Read(make([]byte, 64)); err == nil && n == 0 {
		t.Error("the connection is open")
	}
	if _, err := dialled(t, listener.Addr().String()).ListAccounts(t.Context(), &pb.ListAccountsRequest{}); err != nil {
		t.Errorf("the next connection: %v", err)
	}
	if err := b.conn.Close(); err != nil {
		t.Error(err)
	}
	_ = b.server.Drain(within(t, time.Minute))
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}
