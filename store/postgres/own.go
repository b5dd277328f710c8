package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Lease is the ownership of one instance's schema by this process. It is for
// liveness: it keeps two processes from running the same instance at once,
// while the epoch keeps the data safe even if both believed to own it.
type Lease struct {
	schema string
	keeper *keeper
	lost   chan struct{}
	once   sync.Once

	granted   bool        // the keeper's
	abandoned atomic.Bool // who asked for it did not wait for it
}

// Own takes the ownership of a schema, which need not exist yet. It fails with
// an error wrapping [ErrOwned] that names the holder, if there is one. Leases
// that are asked for at the same time are taken in one round trip.
func (s *Server) Own(ctx context.Context, schema string) (*Lease, error) {
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	l := &Lease{schema: schema, keeper: s.keeper, lost: make(chan struct{})}
	if err := s.keeper.ask(ctx, l, false); err != nil {
		return nil, fmt.Errorf("owning schema %q: %w", schema, err)
	}
	return l, nil
}

// Schema returns the schema that the lease is for.
func (l *Lease) Schema() string { return l.schema }

// Lost is closed when somebody else has taken the ownership, which can happen
// only after the connection to the server was lost.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release gives the ownership up. A second call does nothing.
func (l *Lease) Release(ctx context.Context) error {
	var err error
	l.once.Do(func() { err = l.keeper.ask(ctx, l, true) })
	return err
}
