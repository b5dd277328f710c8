package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// JournalOptions name one instance's journal.
type JournalOptions struct {
	// Instance is the instance's name, for messages and for the record.
	Instance string
	// Schema holds the journal's tables.
	Schema string
	// Existing refuses to create the schema, with [ErrNoSchema]; otherwise it
	// is created if it does not exist.
	Existing bool
	// Lease is the ownership under which the journal is used. The journal cannot
	// be claimed while it is not held: not the first time, and not when its
	// writer loads again. Nil is for journals that nobody else can want.
	Lease *Lease
	// Isolate makes the journal work as a role of its own, which may do nothing
	// but use these tables. It takes a Lease: only the owner may change the role's
	// password. Where an earlier journal had a role and this one has none, that
	// is dropped.
	Isolate bool
}

// Journal is the journal of one instance, in a schema of its own. See
// [sim.Journal] for what may be called when.
type Journal struct {
	pool   *pool
	schema string
	lease  *Lease                     // nil for none
	texts  atomic.Pointer[statements] // see sql

	// place is what this journal claimed and how far it knows the tables to be.
	place struct {
		sync.Mutex
		epoch     int64
		projected uint64
	}
	closing sync.Once
}

var _ sim.Journal = (*Journal)(nil)

// closeTimeout bounds Close, which has no context.
const closeTimeout = 5 * time.Second

// Journal opens an instance's journal and creates or migrates its schema. It
// fails with [ErrNewerSchema] or [ErrForeignSchema] if the schema is not one
// that this program can use.
func (s *Server) Journal(ctx context.Context, o JournalOptions) (*Journal, error) {
	return s.journal(ctx, o, migrations)
}

func (s *Server) journal(ctx context.Context, o JournalOptions, steps []string) (*Journal, error) {
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	select {
	case s.openings <- struct{}{}:
		defer func() { <-s.openings }()
	case <-ctx.Done():
		return nil, fmt.Errorf("opening schema %q: %w", o.Schema, ctx.Err())
	}
	var as *login
	if o.Isolate {
		if o.Lease == nil || o.Lease.schema != o.Schema {
			return nil, fmt.Errorf("opening schema %q: it takes the lease of that schema to give it a role", o.Schema)
		}
		as = s.newLogin(o.Lease)
	}
	j, err := s.journalAs(ctx, o, as, steps)
	if err != nil {
		return nil, fmt.Errorf("opening schema %q: %w", o.Schema, err)
	}
	return j, nil
}

// journalAs opens a journal that logs in with as, nil for the server's own role.
func (s *Server) journalAs(ctx context.Context, o JournalOptions, as *login, steps []string) (*Journal, error) {
	p := s.newPool(o.Instance, poolConnections, as)
	j := &Journal{pool: p, schema: o.Schema, lease: o.Lease}
	p.rested = func() { j.texts.Store(nil) }
	// The journal's first connection, and its role before that, is made while the
	// tables are, which a connection does faster that has done it before.
	connected := make(chan error, 1)
	guard.Go(part, s.report, func() {
		connected <- guard.Run(part, func() error {
			if as != nil && !as.established() {
				if err := as.establish(ctx); err != nil {
					return err
				}
			}
			return p.use(ctx, func(context.Context, *pgx.Conn) error { return nil })
		})
	})
	err := guard.Run(part, func() error {
		return s.admin.useFor(ctx, 0, func(ctx context.Context, c *pgx.Conn) error {
			if err := s.migrate(ctx, c, o, steps); err != nil || as != nil || o.Existing {
				return err
			}
			if err := s.dropRole(ctx, c, o.Schema, o.Lease); err != nil {
				s.log.Warn("an instance that has no role of its own any more leaves one behind", "schema", o.Schema, "error", err)
			}
			return nil
		})
	})
	if connectErr := <-connected; err == nil {
		err = connectErr
	}
	if err == nil && as != nil {
		err = s.admin.useFor(ctx, bulkTimeout, func(ctx context.Context, c *pgx.Conn) error { return grantTables(ctx, c, o.Schema, as.role) })
	}
	if err != nil {
		_ = j.Close()
		if panicked, ok := errors.AsType[*guard.Panic](err); ok {
			panic(panicked)
		}
		return nil, err
	}
	return j, nil
}

// statements are the statements of the normal work. Each names the schema, so
// a connection has few of them.
type statements struct {
	// schema is the quoted name.
	schema string

	claim, claimTables, append, read, move, place, projected, keyed string
	removeDocuments, removeApprovals                                string
	remove                                                          [2]string
}

// sql returns the statements. They are there while the pool is awake: of an instance
// with nothing to do, they would be a large part.
func (j *Journal) sql() *statements {
	s := j.texts.Load()
	if s == nil {
		s = prepare(j.schema)
		j.texts.Store(s)
	}
	return s
}

func prepare(schema string) *statements {
	q := func(s string) string { return fill(s, schema) }
	return &statements{
		schema: quoteName(schema),
		claim:  q(`UPDATE {schema}.meta SET epoch = epoch + 1 RETURNING epoch, seq`),
		// The same epoch stands in both rows, so that each guards its writers alone.
		claimTables: q(`UPDATE {schema}.projection SET epoch = (SELECT epoch FROM {schema}.meta) RETURNING seq, at, hash, generator`),
		append: q(`WITH head AS (
				UPDATE {schema}.meta SET seq = $3::int8, hash = $5::bytea
				WHERE epoch = $1::int8 AND seq = $2::int8 - 1 RETURNING seq)
			INSERT INTO {schema}.journal (first_seq, last_seq, at, hash, events)
			SELECT $2::int8, $3::int8, $4::timestamptz, $5::bytea, $6::bytea FROM head`),
		// At least one batch a page, and no more than the given bytes else.
		read: q(`SELECT first_seq, last_seq, at, hash, events FROM (
				SELECT *, sum(length(events)) OVER (ORDER BY last_seq) - length(events) AS before FROM (
					SELECT * FROM {schema}.journal WHERE last_seq > $1::int8 ORDER BY last_seq LIMIT $2::int8) page) sized
			WHERE before < $3::int8 ORDER BY last_seq`),
		move: q(`UPDATE {schema}.projection SET seq = $3::int8, at = $4::timestamptz, hash = $5::bytea, generator = $6::bytea
			WHERE epoch = $1::int8 AND seq = $2::int8`),
		place:     q(`SELECT epoch, seq FROM {schema}.projection`),
		projected: q(`SELECT seq, at, hash, generator FROM {schema}.projection`),
		keyed: q(`SELECT EXISTS (SELECT FROM {schema}.idempotency_keys)
			OR EXISTS (SELECT FROM {schema}.settlements WHERE external_id IS NOT NULL)
			OR EXISTS (SELECT FROM {schema}.transfers WHERE external_id IS NOT NULL)`),
		removeDocuments: q(`DELETE FROM {schema}.documents WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`),
		// An approval is never withdrawn, but the tables are to say what the last
		// record says, whatever it is.
		removeApprovals: q(`DELETE FROM {schema}.approvals a USING unnest($1::text[], $2::text[]) AS u (transfer_id, decided)
			WHERE a.transfer_id = u.transfer_id::uuid AND a.idx >= u.decided::int4`),
		remove: [2]string{
			q(`DELETE FROM {schema}.positions WHERE position_id = ANY($1::text[]::uuid[])`),
			q(`DELETE FROM {schema}.balances WHERE balance_id = ANY($1::text[]::uuid[])`),
		},
	}
}

// Append makes a batch durable. See [sim.Journal].
func (j *Journal) Append(ctx context.Context, b *sim.Batch) error {
	if b.First == 0 || b.Last < b.First {
		return fmt.Errorf("%w: appending a batch from %d to %d", sim.ErrBrokenInvariant, b.First, b.Last)
	}
	epoch, _ := j.claimed()
	return j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, j.sql().append, epoch, int64(b.First), int64(b.Last), orNull(b.Time), b.Hash[:], b.Payload)
		switch {
		// Where the server's default isolation is stricter, it reports as a
		// conflict what would otherwise be a row that does not match.
		case sqlState(err) == codeSerialization, err == nil && tag.RowsAffected() == 0:
			return fmt.Errorf("%w: schema %q, appending %d to %d", sim.ErrLostOwnership, j.schema, b.First, b.Last)
		case err != nil:
			return fmt.Errorf("appending %d to %d: %w", b.First, b.Last, err)
		}
		return nil
	})
}

// orNull keeps the zero time out of the tables.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (j *Journal) claimed() (epoch int64, projected uint64) {
	j.place.Lock()
	defer j.place.Unlock()
	return j.place.epoch, j.place.projected
}

func (j *Journal) setProjected(seq uint64) {
	j.place.Lock()
	defer j.place.Unlock()
	j.place.projected = seq
}

// Bounds of a page of [Journal.Read], which stays in memory while fn runs: there
// may be a slow reader behind it, and many of them at a time.
const (
	readBatches = 256
	readBytes   = 512 << 10
)

// Read streams batches. It holds no connection while fn runs. See
// [sim.Journal].
func (j *Journal) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	for {
		var page []*sim.Batch
		err := j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
			rows, err := c.Query(ctx, j.sql().read, sequence(after), readBatches, readBytes)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, readBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading the journal behind %d: %w", after, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, b := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(b); err != nil {
				return err
			}
			after = b.Last
		}
	}
}

// sequence is a place in the journal as the server can compare it. No journal
// reaches the bound; a caller's wish may exceed it.
func sequence(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func readBatch(row pgx.CollectableRow) (*sim.Batch, error) {
	var b sim.Batch
	var at *time.Time
	var hash []byte
	if err := row.Scan(&b.First, &b.Last, &at, &hash, &b.Payload); err != nil {
		return nil, err
	}
	b.Time = utc(at)
	var err error
	b.Hash, err = digest(hash)
	return &b, err
}

// digest reads a stored hash; none is that of the place before the first batch.
func digest(b []byte) (d sim.Digest, err error) {
	if len(b) != 0 && len(b) != len(d) {
		return d, fmt.Errorf("%w: a hash of %d bytes", sim.ErrBrokenInvariant, len(b))
	}
	copy(d[:], b)
	return d, nil
}

// Close closes the journal's connections. What is under way fails with
// [ErrClosed]. It takes a few seconds at most; connections that are stuck are
// then left to close by themselves, which is reported.
func (j *Journal) Close() error {
	var err error
	j.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err = j.pool.close(ctx); err != nil {
			j.pool.server.log.Warn("closing a journal", "schema", j.schema, "error", err)
			err = fmt.Errorf("closing schema %q: %w", j.schema, err)
		}
	})
	return err
}

// errBehind reports that the tables are not where this journal left them.
var errBehind = errors.New("the tables are not where this process left them; the server may have lost its last projections in a crash")
