//go:build integration

package supervisor

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/proxy"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Books that cannot be opened keep their instance from starting, and nobody else.
// Nothing in them is changed. Where waiting may help, callers are told to come
// again and the instance starts by itself; where somebody has to decide, it gives
// up after a bounded number of attempts and says what is wrong.
func TestRealBooksThatCannotBeOpenedStayAsTheyAre(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.config.Defaults.Restart.MaxAttempts, p.config.Defaults.Restart.Max = 3, config.Duration(200*time.Millisecond)
	server, err := url.Parse(p.config.Storage.Postgres.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	network, err := proxy.Start(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	server.Host, server.RawQuery = network.Addr(), "sslmode=disable&connect_timeout=1"
	away := `"storage":{"driver":"postgres","postgres":{"url":"` + server.String() + `"}}`

	h := launch(t, options{config: p.config})
	quiet := h.add(p.name("quiet"))
	exec := func(sql string) {
		t.Helper()
		if _, err := p.sql.Exec(h.ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, c := range []struct {
		name, entry  string
		break_, mend func(schema string)
		state        State
		says         string
	}{
		{
			name: "newer", state: StateFailed, says: "has version 99, this program knows versions up to",
			break_: func(s string) { exec(`UPDATE ` + s + `.meta SET version = version + 97`) },
			mend:   func(s string) { exec(`UPDATE ` + s + `.meta SET version = version - 97`) },
		},
		{
			name: "no-meta", state: StateFailed, says: "holds tables that are no journal",
			break_: func(s string) {
				exec(`ALTER TABLE ` + s + `.meta SET SCHEMA public; ALTER TABLE public.meta RENAME TO ` + s)
			},
			mend: func(s string) {
				exec(`ALTER TABLE public.` + s + ` RENAME TO meta; ALTER TABLE public.meta SET SCHEMA ` + s)
			},
		},
		{
			// The last step finds what it is to make.
			name: "migration", state: StatePending, says: "from version",
			break_: func(s string) { exec(`UPDATE ` + s + `.meta SET version = version - 1`) },
			mend:   func(s string) { exec(`UPDATE ` + s + `.meta SET version = version + 1`) },
		},
		{
			name: "no-table", state: StatePending, says: "restore the schema from a backup",
			break_: func(s string) {
				exec(`CREATE TABLE ` + s + `.kept (LIKE ` + s + `.positions INCLUDING ALL);
					INSERT INTO ` + s + `.kept SELECT * FROM ` + s + `.positions; DROP TABLE ` + s + `.positions`)
			},
			mend: func(s string) { exec(`ALTER TABLE ` + s + `.kept RENAME TO positions`) },
		},
		{
			name: "away", entry: away, state: StatePending, says: "PostgreSQL is unreachable",
			break_: func(string) { network.Refuse() }, mend: func(string) { network.Resume() },
		},
		{
			name: "silent", entry: away, state: StatePending, says: "PostgreSQL is unreachable",
			break_: func(string) { network.Stall() }, mend: func(string) { network.Resume() },
		},
	} {
		name, schema := p.name(c.name), p.schema(strings.ReplaceAll(c.name, "-", "_"))
		var more []string
		if c.entry != "" {
			more = append(more, c.entry)
		}
		one := h.add(name, more...)
		h.deposit(one.HTTPAddr, "before")
		h.must(h.Drain(h.ctx, name, 0, true))
		content := func() string {
			return p.row(h.ctx, `SELECT string_agg(format('%s %s', relname, relkind), ',' ORDER BY relname) FROM pg_class WHERE relnamespace = $1::regnamespace`, schema)[0]
		}
		c.break_(schema)
		before := content()
		h.must(h.Start(h.ctx, name, false))
		var stuck Status
		h.until(c.name+" shows", func() bool {
			stuck = h.must(h.Get(name))
			// What may mend itself is tried for longer than max_attempts.
			patient := c.state == StateFailed || stuck.Restarts > p.config.Defaults.Restart.MaxAttempts
			return stuck.State == c.state && strings.Contains(stuck.LastError, c.says) && patient
		})
		if after := content(); after != before {
			t.Errorf("%s: the schema had %s, now %s", c.name, before, after)
		}
		if c.state == StateFailed {
			if !refuses(one.HTTPAddr) || strings.Contains(stuck.LastError, "\n") {
				t.Errorf("%s: %+v", c.name, stuck)
			}
		} else {
			h.until("callers are told", func() bool {
				a, err := request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/settlements", depositBody("during"))
				return err == nil && a.status == http.StatusServiceUnavailable && a.code() == "unavailable" && a.header.Get("Retry-After") != ""
			})
			_, err := custodianpb.NewSettlementServiceClient(dialGRPC(t, one.GRPCAddr)).
				ListSettlements(h.ctx, &custodianpb.ListSettlementsRequest{})
			if status.Code(err) != codes.Unavailable {
				t.Errorf("%s: gRPC answers %v", c.name, err)
			}
		}
		h.deposit(quiet.HTTPAddr, c.name)
		c.mend(schema)
		if c.state == StateFailed {
			h.must(h.Start(h.ctx, name, true))
		}
		h.awaitState(name, StateRunning)
		h.deposit(one.HTTPAddr, "after")
		if n := h.settlements(one.HTTPAddr); n != 2 {
			t.Errorf("%s: %d settlements, want 2", c.name, n)
		}
	}
	h.end()
	list, err := Verify(t.Context(), p.config, nil, discard, nil)
	if err != nil || len(list) != 7 {
		t.Fatalf("verify: %+v, %v", list, err)
	}
	for _, v := range list {
		if v.Report == nil || !v.Report.OK() {
			t.Errorf("verify: %+v", v)
		}
	}
}
