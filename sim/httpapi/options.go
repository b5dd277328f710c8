package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
)

// Custodian is what the face needs of an instance; [engine.Engine] has it.
// Errors are [*sim.Error] values or those of the context.
type Custodian interface {
	// Do and DoAll bound the time that they take themselves.
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
	ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error)
	Events(ctx context.Context, after uint64, limit int) ([]engine.Recorded, error)
	Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error
	// Durable returns the last sequence number that is durable.
	Durable() uint64
	// Ready returns nil while requests are answered, and why not otherwise.
	Ready() error
}

var _ Custodian = (*engine.Engine)(nil)

// Options are what the handler is made of.
type Options struct {
	// Custodian answers the requests; required.
	Custodian Custodian
	// Assets gives amounts of cash their minor unit; required.
	Assets *asset.Registry
	// Logger takes defects: panics and errors without a code. Required.
	Logger *slog.Logger
	// Context is the instance's: event streams end with it, while other
	// requests are answered. Nil means that streams end with their readers.
	Context context.Context
	// Metrics serves /metrics; without it the path is not there.
	Metrics http.Handler
	// Webhooks manages webhooks; without it their paths are not there.
	Webhooks Webhooks
	// Middleware sees every request and its final status; may be nil.
	Middleware func(http.Handler) http.Handler
	// Access knows the API keys; without it, or without keys, everybody is let in.
	Access *access.Guard
	// Sites refuses what web pages have a browser send; nil refuses nothing.
	Sites *access.Sites
	// Components tells how the instance's parts are, at every call anew. Nil
	// means the custodian alone.
	Components func() []Component
	// OnPanic is called after a panic was logged and answered; may be nil.
	OnPanic guard.Report
	// Instance and Version are what health reports say of the program.
	Instance, Version string
	// Limits bound what callers can make grow; zero fields take defaults.
	Limits Limits
	// Bounds count what the instance has taken on, over both of its faces; nil
	// means bounds of this face's own, from its Limits.
	Bounds *bounds.Bounds
	// OnSlowStream is called when an event stream was ended because its reader did
	// not read; may be nil.
	OnSlowStream func()
	// Lane is where the instance's heavy work takes its turns; nil for none.
	Lane *fair.Lane
}

// Component is a part of an instance, as health and readiness show it.
type Component struct {
	// Name of the part, such as "engine" or "redis".
	Name string
	// Required parts must work for the instance to be ready; without the others
	// it is degraded.
	Required bool
	// Problem says what is wrong; empty while the part works.
	Problem string
}

// Limits bound what callers can make grow. Zero fields take the defaults.
type Limits struct {
	// MaxBodyBytes bounds a request's body; default 1 MiB.
	MaxBodyBytes int
	// MaxInFlight bounds the requests under way, except for health, readiness,
	// metrics, the OpenAPI document and event streams, and MaxStreams those event
	// streams, where there are no Bounds; their defaults are those of package bounds.
	MaxInFlight, MaxStreams int
	// StreamPatience is how long an event stream waits for its reader to read before
	// it is ended; default 30 s.
	StreamPatience time.Duration
	// PageMax bounds the limit of lists; default 1000.
	PageMax int
	// BulkMax bounds the instructions of one bulk request; default 1000.
	BulkMax int
	// RequestTimeout is the longest that a query may take; default 30 s. Streams
	// are exempt, and the custodian bounds commands itself.
	RequestTimeout time.Duration
}

// defaultPage is the page size of requests that name none.
const defaultPage = 100

func (l Limits) withDefaults() Limits {
	or := func(v *int, fallback int) {
		if *v <= 0 {
			*v = fallback
		}
	}
	or(&l.MaxBodyBytes, 1<<20)
	or(&l.PageMax, 1000)
	or(&l.BulkMax, 1000)
	if l.StreamPatience <= 0 {
		l.StreamPatience = sse.WriteTimeout
	}
	if l.RequestTimeout <= 0 {
		l.RequestTimeout = 30 * time.Second
	}
	return l
}
