package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// storageError marks errors of a store, which may be away for a while.
type storageError struct{ error }

func (e *storageError) Unwrap() error { return e.error }

// storages opens journals with whatever driver an instance uses. Servers are
// shared by the instances that name the same one.
type storages struct {
	dataDir string
	options config.Postgres
	logger  *slog.Logger
	memory  *memory.Store

	// wrap lets tests come between an engine and its journal; nil for none.
	wrap func(spec Spec, j sim.Journal) sim.Journal

	// budget bounds the connections to all servers together; made by the first.
	budget func() (*postgres.Budget, error)

	mu      sync.Mutex // held for moments
	servers map[config.Secret]*pgServer
}

// pgServer is a server that is connected to once.
type pgServer struct {
	turn chan struct{} // held, as a token, while connecting
	// Guarded by turn.
	server *postgres.Server
	err    error // of the last attempt
	at     time.Time
}

func newStorages(cfg config.Config, metrics *obs.Registry, logger *slog.Logger) *storages {
	return &storages{
		dataDir: cfg.DataDir, options: cfg.Storage.Postgres, logger: logger,
		budget: sync.OnceValues(func() (*postgres.Budget, error) {
			return postgres.NewBudget(cfg.Storage.Postgres.MaxConnections, 0, metrics)
		}),
		memory: memory.NewStore(), servers: make(map[config.Secret]*pgServer),
	}
}

// server returns the one server of a URL, connecting for the first to ask. Who
// waited for an attempt that failed gets its error, instead of a try of its own.
func (s *storages) server(ctx context.Context, url config.Secret) (*postgres.Server, error) {
	s.mu.Lock()
	shared := s.servers[url]
	if shared == nil {
		shared = &pgServer{turn: make(chan struct{}, 1)}
		s.servers[url] = shared
	}
	s.mu.Unlock()
	came := time.Now()
	select {
	case shared.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-shared.turn }()
	if shared.server != nil {
		return shared.server, nil
	}
	if shared.err != nil && shared.at.After(came) {
		return nil, shared.err
	}
	budget, err := s.budget()
	if err != nil {
		return nil, err
	}
	server, err := postgres.Open(ctx, postgres.Options{URL: url.Reveal(), Budget: budget, Logger: s.logger})
	if ctx.Err() == nil { // else it says nothing of the server
		shared.err, shared.at = err, time.Now()
	}
	if err != nil {
		return nil, err
	}
	shared.server = server
	return server, nil
}

// open opens an instance's journal. Where several supervisors can meet, it does
// so under the given ownership, or takes it first; when it fails it gives it up.
func (s *storages) open(ctx context.Context, spec Spec, owned *ownership) (sim.Journal, *ownership, error) {
	journal, owned, err := s.openDriver(ctx, spec, owned)
	if err != nil {
		return nil, nil, &storageError{fmt.Errorf("opening the store: %w", err)}
	}
	if s.wrap != nil {
		journal = s.wrap(spec, journal)
	}
	return journal, owned, nil
}

func (s *storages) openDriver(ctx context.Context, spec Spec, owned *ownership) (sim.Journal, *ownership, error) {
	switch spec.Storage.Driver {
	case config.StorageMemory:
		return s.memory.Journal(spec.Schema), nil, nil
	case config.StoragePostgres:
		server, err := s.server(ctx, spec.Storage.Postgres.URL)
		if err != nil {
			return nil, nil, err
		}
		if owned == nil {
			lease, err := server.Own(ctx, spec.Schema)
			if err != nil {
				return nil, nil, err
			}
			owned = &ownership{lease}
		}
		journal, err := server.Journal(ctx, postgres.JournalOptions{
			Instance: spec.Name, Schema: spec.Schema, Lease: owned.lease, Isolate: spec.Storage.Postgres.Isolation == config.IsolationRole,
		})
		if err != nil {
			return nil, nil, errors.Join(err, owned.lease.Release(context.WithoutCancel(ctx)))
		}
		return journal, owned, nil
	default:
		journal, err := sqlite.Open(ctx, sqlite.Options{Path: s.path(spec), Instance: spec.Name, Logger: s.logger})
		if err != nil {
			return nil, nil, err
		}
		return journal, nil, nil
	}
}

// await waits until nobody else owns an instance, and takes it. Told hears who
// does.
func (s *storages) await(ctx context.Context, spec Spec, told func(error)) (*postgres.Lease, error) {
	server, err := s.server(ctx, spec.Storage.Postgres.URL)
	if err != nil {
		return nil, err
	}
	return server.OwnWhenFree(ctx, spec.Schema, told)
}

func (s *storages) path(spec Spec) string { return filepath.Join(s.dataDir, spec.Schema+".db") }

// drop destroys an instance's books. The instance must be stopped.
func (s *storages) drop(ctx context.Context, spec Spec) error {
	switch spec.Storage.Driver {
	case config.StorageMemory:
		s.memory.Drop(spec.Schema)
		return nil
	case config.StoragePostgres:
		server, err := s.server(ctx, spec.Storage.Postgres.URL)
		if err != nil {
			return err
		}
		lease, err := server.Own(ctx, spec.Schema)
		if err != nil {
			return err
		}
		return errors.Join(server.Drop(ctx, spec.Schema, lease), lease.Release(context.WithoutCancel(ctx)))
	default:
		return sqlite.Drop(s.path(spec))
	}
}

// check returns why the store of an instance cannot be used, or nil.
func (s *storages) check(ctx context.Context, storage config.InstanceStorage) error {
	if storage.Driver != config.StoragePostgres {
		return nil
	}
	server, err := s.server(ctx, storage.Postgres.URL)
	if err != nil {
		return err
	}
	return server.Check(ctx, storage.Postgres.Isolation == config.IsolationRole)
}

// forget drops what a stopped instance logged in with, and leaves its books. One
// that another supervisor runs by now is left alone.
func (s *storages) forget(ctx context.Context, spec Spec) error {
	if spec.Storage.Driver != config.StoragePostgres || spec.Storage.Postgres.Isolation != config.IsolationRole {
		return nil
	}
	server, err := s.server(ctx, spec.Storage.Postgres.URL)
	if err != nil {
		return err
	}
	lease, err := server.Own(ctx, spec.Schema)
	if errors.Is(err, postgres.ErrOwned) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(server.DropRole(ctx, spec.Schema, lease), lease.Release(context.WithoutCancel(ctx)))
}

// desiredStore keeps what the admin API decided. Save is a compare-and-swap on
// the revision that Load returned.
type desiredStore interface {
	Load(ctx context.Context) (document []byte, revision int64, err error)
	Save(ctx context.Context, document []byte, revision int64) (newRevision int64, err error)
	Close() error
}

// desired opens the place of the desired state: beside the books that most
// instances use.
func (s *storages) desired(ctx context.Context, cfg config.Config) (desiredStore, error) {
	switch cfg.Storage.Driver {
	case config.StorageMemory:
		return memory.NewDesired(), nil
	case config.StoragePostgres:
		server, err := s.server(ctx, cfg.Storage.Postgres.URL)
		if err != nil {
			return nil, err
		}
		return orNone(server.Desired(ctx, cfg.Service.Name))
	default:
		return orNone(sqlite.OpenDesired(ctx, s.dataDir))
	}
}

// orNone keeps the nil pointer that comes with an error from becoming a store
// that is not nil.
func orNone[S desiredStore](store S, err error) (desiredStore, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// close closes all servers, within the context's time.
func (s *storages) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, shared := range s.servers {
		select {
		case shared.turn <- struct{}{}:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
		if shared.server != nil {
			err = errors.Join(err, shared.server.Close(ctx))
		}
		<-shared.turn
	}
	return err
}
