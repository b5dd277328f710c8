package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockSettings make the server find out within half a minute that this machine
// has vanished, or within the given milliseconds that its process is stopped, and
// free the locks for whoever stands by.
const lockSettings = `SELECT pg_backend_pid() FROM (SELECT set_config('idle_session_timeout', $1::text, false),
	set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
	set_config('tcp_keepalives_count', '4', false)) AS settings`

func (k *keeper) exec(ctx context.Context, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, k.answer)
	defer cancel()
	_, err := k.conn.Exec(ctx, sql, args...)
	return err
}

// isWritable asks a server whether it is the one to write to.
func (k *keeper) isWritable(ctx context.Context, c *pgx.Conn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, k.answer)
	defer cancel()
	var readOnly string
	err := c.QueryRow(ctx, `SHOW transaction_read_only`).Scan(&readOnly)
	return readOnly == "off", err
}

// lock tries to lock keys and returns those that somebody else holds.
func (k *keeper) lock(ctx context.Context, keys []int64) (refused []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.answer)
	defer cancel()
	rows, err := k.conn.Query(ctx, `SELECT k FROM unnest($1::int8[]) AS k WHERE NOT pg_try_advisory_lock(k)`, keys)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// holder is the session that holds a lock.
type holder struct {
	pid     uint32
	name    string
	address string
	since   time.Time
}

// String names the holder for an error message.
func (h holder) String() string {
	if h.pid == 0 {
		return "another process holds it"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "held by %q", h.name)
	if h.address != "" {
		fmt.Fprintf(&b, " from %s", h.address)
	}
	fmt.Fprintf(&b, " (server process %d, connected since %s)", h.pid, h.since.UTC().Format(time.RFC3339))
	return b.String()
}

func (k *keeper) holders(ctx context.Context, keys []int64) (map[int64]holder, error) {
	out := make(map[int64]holder, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, k.answer)
	defer cancel()
	// A lock on one bigint shows its halves as classid and objid.
	rows, err := k.conn.Query(ctx, `
		SELECT (l.classid::int8 << 32) | l.objid::int8, l.pid::int4, coalesce(a.application_name, ''),
			coalesce(host(a.client_addr), ''), coalesce(a.backend_start, now())
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (l.classid::int8 << 32) | l.objid::int8 = ANY($1::int8[])`, keys)
	if err != nil {
		return out, err
	}
	var key int64
	var pid int32
	var h holder
	_, err = pgx.ForEachRow(rows, []any{&key, &pid, &h.name, &h.address, &h.since}, func() error {
		h.pid = uint32(pid)
		out[key] = h
		return nil
	})
	return out, err
}
