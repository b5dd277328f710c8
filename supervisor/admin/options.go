package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Supervisor is what the API needs of a supervisor; [supervisor.Supervisor] has
// it and says what its methods do. Refusals are [*supervisor.Error] values.
type Supervisor interface {
	List() []supervisor.Status
	Get(name string) (supervisor.Status, error)
	Add(ctx context.Context, entry config.Instance, wait bool) (supervisor.Status, error)
	Drain(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error)
	Start(ctx context.Context, name string, wait bool) (supervisor.Status, error)
	Restart(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error)
	Pause(ctx context.Context, name string) (supervisor.Status, error)
	Resume(ctx context.Context, name string) (supervisor.Status, error)
	Remove(ctx context.Context, name string, o supervisor.RemoveOptions) (supervisor.Status, error)
	Reset(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error)
	Snapshot(ctx context.Context, name string) (*supervisor.Snapshot, error)
	Restore(ctx context.Context, name string, from io.Reader) (supervisor.Status, error)
	Clone(ctx context.Context, name string, o supervisor.CloneOptions) (supervisor.Status, error)
	Desired(ctx context.Context) (supervisor.Document, string, error)
	Apply(ctx context.Context, doc supervisor.Document, tag string, dryRun bool) ([]supervisor.Change, string, error)
	Events(after uint64) (kept []supervisor.Event, last uint64)
	Follow(ctx context.Context, after uint64, fn func([]supervisor.Event) error) error
	Readiness() supervisor.Readiness
	Live() []supervisor.Live
	Face(name string) (http.Handler, error)
}

var _ Supervisor = (*supervisor.Supervisor)(nil)

// LevelControl changes the level of the process's log while it is in use.
type LevelControl interface {
	// Get returns debug, info, warn or error.
	Get() string
	// Set refuses other names and then changes nothing.
	Set(name string) error
	// GetInstance returns the level of an instance, and whether it has one of its own.
	GetInstance(instance string) (name string, own bool)
	// SetInstance gives an instance a level of its own, or with "" the process's again.
	SetInstance(instance, name string) error
}

// Options are what the API is made of.
type Options struct {
	// Config says who is let in; required. It must have passed the checks of
	// package config.
	Config config.Admin
	// Supervisor does the work; required.
	Supervisor Supervisor
	// Level is the log's; required.
	Level LevelControl
	// Logger takes who changed what, and defects; required.
	Logger *slog.Logger
	// Version is what /version answers.
	Version wire.Version
	// Metrics serves /metrics; without it the path is not there.
	Metrics http.Handler
	// Middleware sees every request and its final status; may be nil.
	Middleware func(http.Handler) http.Handler
	// Context ends streams and waits, so that they don't hold up the end of the
	// process: [Server.Context]. Nil means that they end with their callers.
	Context context.Context
	// Limits bound what callers can make grow; zero fields take defaults.
	Limits Limits
}

// Limits bound what callers can make grow. Zero fields take the defaults.
type Limits struct {
	// MaxBodyBytes bounds a request's body; default 1 MiB.
	MaxBodyBytes int
	// MaxConfigBytes bounds the body of a whole configuration; default 4 MiB.
	MaxConfigBytes int
	// MaxInFlight bounds the requests under way that answer at once; default 128.
	// Health and readiness are exempt.
	MaxInFlight int
	// MaxWaits bounds the requests that wait for an instance; default 4096.
	MaxWaits int
	// MaxStreams bounds the event streams under way; default 64.
	MaxStreams int
	// RequestTimeout is the longest that a request lasts which does not wait for
	// an instance; default 30 s.
	RequestTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, fallback int) {
		if *v <= 0 {
			*v = fallback
		}
	}
	or(&l.MaxBodyBytes, 1<<20)
	or(&l.MaxConfigBytes, 4<<20)
	or(&l.MaxInFlight, 128)
	or(&l.MaxWaits, 4096)
	or(&l.MaxStreams, 64)
	if l.RequestTimeout <= 0 {
		l.RequestTimeout = 30 * time.Second
	}
	return l
}
