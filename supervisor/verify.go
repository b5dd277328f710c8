package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Verification is what [Verify] found of one instance.
type Verification struct {
	Instance string `json:"instance"`
	Schema   string `json:"schema"`
	Storage  string `json:"storage"`
	// Report is nil if the books could not be verified or do not exist.
	Report *verify.Report `json:"report"`
	// Problem says why there is no report.
	Problem string `json:"problem,omitempty"`
	// Missing reports that the instance never had books.
	Missing bool `json:"missing,omitempty"`
}

// Verifying is how far [Verify] is.
type Verifying struct {
	// Done of Total instances are verified.
	Done, Total int
	// Instance is the one that is being verified, Books how far that is.
	Instance string
	Books    verify.Progress
}

// errNoBooks reports an instance that never started.
var errNoBooks = errors.New("no books yet: the instance never started")

// Verify replays the journals of instances and compares every table with them.
// It needs no running supervisor; an instance that runs must be drained first,
// because it is verified under its ownership. Names selects instances, of the
// configuration or added by the admin API; empty means all. The error says that
// nothing could be verified; single instances' troubles are in the list. Progress,
// unless it is nil, is told how far it is.
func Verify(ctx context.Context, cfg config.Config, names []string, logger *slog.Logger, progress func(Verifying)) ([]Verification, error) {
	stores := newStorages(cfg, obs.NewRegistry(), logger)
	list, err := verifyAll(ctx, stores, cfg, names, progress)
	return list, errors.Join(err, stores.close(context.WithoutCancel(ctx)))
}

func verifyAll(ctx context.Context, stores *storages, cfg config.Config, names []string, progress func(Verifying)) ([]Verification, error) {
	entries := slices.Clone(cfg.Instances)
	added, err := stores.added(ctx, cfg)
	if err != nil {
		return nil, err
	}
	entries = append(entries, added...)
	known := make([]string, len(entries))
	for n, entry := range entries {
		known[n] = entry.Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, noInstance(name, known)
		}
	}
	if len(names) > 0 {
		entries = slices.DeleteFunc(entries, func(e config.Instance) bool { return !slices.Contains(names, e.Name) })
	}
	var list []Verification
	for n, entry := range entries {
		tell := func(books verify.Progress) {
			if progress != nil {
				progress(Verifying{Done: n, Total: len(entries), Instance: entry.Name, Books: books})
			}
		}
		tell(verify.Progress{Doing: "opening"})
		spec := newSpec(cfg.Resolve(entry), cfg.Ports)
		v := Verification{Instance: spec.Name, Schema: spec.Schema, Storage: spec.Storage.Driver}
		report, err := stores.verify(ctx, spec, tell)
		switch {
		case errors.Is(err, errNoBooks):
			v.Missing, v.Problem = true, err.Error()
		case err != nil:
			v.Problem = err.Error()
		default:
			v.Report = report
		}
		list = append(list, v)
	}
	return list, ctx.Err()
}

// added returns the entries that the admin API added.
func (s *storages) added(ctx context.Context, cfg config.Config) ([]config.Instance, error) {
	if cfg.Storage.Driver == config.StorageSQLite {
		if _, err := os.Stat(s.dataDir); errors.Is(err, os.ErrNotExist) {
			return nil, nil // verifying makes no directories
		}
	}
	store, err := s.desired(ctx, cfg)
	if err != nil {
		return nil, err
	}
	document, _, err := store.Load(ctx)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, fmt.Errorf("reading the desired state: %w", err)
	}
	d, err := parseDesired(document)
	return d.entries, err
}

func (s *storages) verify(ctx context.Context, spec Spec, progress func(verify.Progress)) (report *verify.Report, err error) {
	journal, owned, err := s.existing(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, journal.Close())
		if owned != nil {
			err = errors.Join(err, owned.lease.Release(context.WithoutCancel(ctx)))
		}
	}()
	rules, err := spec.Rules()
	if err != nil {
		return nil, err
	}
	return verify.Run(ctx, journal, verify.Options{Instance: spec.Name, Seed: spec.Seed, Rules: rules, Progress: progress})
}

// existing opens books that exist, and never makes any.
func (s *storages) existing(ctx context.Context, spec Spec) (sim.Journal, *ownership, error) {
	switch spec.Storage.Driver {
	case config.StorageMemory:
		return nil, nil, errors.New("books in memory end with their process: there is nothing to verify")
	case config.StoragePostgres:
		server, err := s.server(ctx, spec.Storage.Postgres.URL)
		if err != nil {
			return nil, nil, err
		}
		lease, err := server.Own(ctx, spec.Schema)
		if errors.Is(err, postgres.ErrOwned) {
			return nil, nil, fmt.Errorf("the instance is running, drain it to verify it: %w", err)
		}
		if err != nil {
			return nil, nil, err
		}
		journal, err := server.Journal(ctx, postgres.JournalOptions{Instance: spec.Name, Schema: spec.Schema, Existing: true, Lease: lease})
		if errors.Is(err, postgres.ErrNoSchema) {
			err = errNoBooks
		}
		if err != nil {
			return nil, nil, errors.Join(err, lease.Release(context.WithoutCancel(ctx)))
		}
		return journal, &ownership{lease}, nil
	default:
		if _, err := os.Stat(s.path(spec)); errors.Is(err, os.ErrNotExist) {
			return nil, nil, errNoBooks
		}
		journal, owned, err := s.openDriver(ctx, spec, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("opening the books (a running instance must be drained first): %w", err)
		}
		return journal, owned, nil
	}
}
