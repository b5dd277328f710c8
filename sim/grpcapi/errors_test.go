package grpcapi_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

// scripted is a custodian whose accounts are what a function says.
type scripted struct {
	grpcapi.Custodian
	account func(ctx context.Context) (*sim.Account, error)
}

func (s scripted) Account(ctx context.Context, _ string) (*sim.Account, error) { return s.account(ctx) }

// failing returns a server whose GetAccount fails with what fail holds.
func failing(t *testing.T, fail *error, change func(*grpcapi.Options)) *bundle {
	return setup(t, func(o *grpcapi.Options) {
		o.Custodian = scripted{o.Custodian, func(context.Context) (*sim.Account, error) { return nil, *fail }}
		if change != nil {
			change(o)
		}
	})
}

// codesOfCore reads the core's codes, with the gRPC codes that their comments
// promise, from its source.
func codesOfCore(t *testing.T) map[sim.Code]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[sim.Code]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || fmt.Sprint(spec.Type) != "Code" || spec.Comment == nil {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		_, promised, _ := strings.Cut(strings.TrimSpace(spec.Comment.Text()), ", ")
		found[sim.Code(value)] = promised
		return true
	})
	if len(found) < 14 {
		t.Fatalf("read only %d codes", len(found))
	}
	return found
}

func TestEveryCodeIsAnsweredAsTheCorePromises(t *testing.T) {
	t.Parallel()
	var fail error
	b := failing(t, &fail, nil)
	for code, promised := range codesOfCore(t) {
		var want codes.Code
		if err := want.UnmarshalJSON([]byte(`"` + promised + `"`)); err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		fail = &sim.Error{Code: code, Field: "account_id", Message: "is not right", RetryAfter: 1500 * time.Millisecond}
		_, err := b.custody.GetAccount(t.Context(), &pb.GetAccountRequest{AccountId: "a"})
		r := refused(t, err)
		r.check(t, want, string(code), "account_id")
		if r.retry != 1500*time.Millisecond || r.message != "account_id: is not right" {
			t.Errorf("%s: message %q, retry after %v", code, r.message, r.retry)
		}
		if violations := len(r.violations); (violations == 1) != (want == codes.InvalidArgument) {
			t.Errorf("%s: violations %v", code, r.violations)
		}
	}
}

func TestOtherErrorsAreTheContextsOrInternal(t *testing.T) {
	t.Parallel()
	var fail error
	var log lockedText
	b := failing(t, &fail, func(o *grpcapi.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, c := range []struct {
		err     error
		code    codes.Code
		message string
	}{
		{fmt.Errorf("waiting: %w", context.Canceled), codes.Canceled, "waiting: context canceled"},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "context deadline exceeded"},
		{status.Error(codes.Aborted, "as it is"), codes.Aborted, "as it is"},
		{fmt.Errorf("wrapped: %w", sim.Errorf(sim.CodeNotFound, "gone")), codes.NotFound, "gone"},
		{errors.New("password=secret"), codes.Internal, "internal error; the server's log has the details"},
	} {
		fail = c.err
		_, err := b.custody.GetAccount(t.Context(), &pb.GetAccountRequest{AccountId: "a"})
		if r := refused(t, err); r.code != c.code || r.message != c.message {
			t.Errorf("%v became %s %q", c.err, r.code, r.message)
		}
	}
	if !strings.Contains(log.String(), "password=secret") || strings.Contains(log.String(), "gone") {
		t.Errorf("log: %s", log.String())
	}
}

func TestAPausedCustodianAsksToComeBack(t *testing.T) {
	t.Parallel()
	custodian := newCustodian(t)
	b := setup(t, func(o *grpcapi.Options) { o.Custodian = custodian })
	custodian.SetPaused(true)
	for name, call := range map[string]func() error{
		"a command": func() error { return drop(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1"))) },
		"many commands": func() error {
			return drop(b.settlements.CreateSettlements(t.Context(),
				&pb.CreateSettlementsRequest{Settlements: []*pb.CreateSettlementRequest{deposit("a", "BTC", "1"), deposit("b", "BTC", "1")}}))
		},
		"a list": func() error { return drop(b.custody.ListAccounts(t.Context(), &pb.ListAccountsRequest{})) },
		"events": func() error { return drop(b.reporting.ListEvents(t.Context(), &pb.ListEventsRequest{})) },
	} {
		r := refused(t, call())
		r.check(t, codes.Unavailable, "paused", "")
		if r.retry == 0 {
			t.Errorf("%s is not told when to come back", name)
		}
	}
	custodian.SetPaused(false)
	must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1")))
}

func TestInterceptorsSeeTheFinalStatus(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 2)
	fail := error(sim.Errorf(sim.CodePaused, "paused"))
	b := failing(t, &fail, func(o *grpcapi.Options) {
		o.Unary = []grpc.UnaryServerInterceptor{
			func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				resp, err := next(ctx, req)
				seen <- info.FullMethod + " " + status.Code(err).String()
				return resp, err
			},
		}
	})
	_, err := b.custody.GetAccount(t.Context(), &pb.GetAccountRequest{AccountId: "a"})
	refused(t, err).check(t, codes.Unavailable, "paused", "")
	if got := <-seen; got != "/custodian.CustodianService/GetAccount Unavailable" {
		t.Errorf("seen %q", got)
	}
}

// lockedText is a buffer for the logs of several goroutines.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
