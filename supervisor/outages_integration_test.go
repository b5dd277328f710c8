//go:build integration

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestRealSecondSupervisorIsToldWhoOwnsTheInstance(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.config.Defaults.Restart.MaxAttempts = 2
	p.config.Instances = []config.Instance{entry(t, p.name("a"))}
	h := launch(t, options{config: p.config})
	addr := h.awaitState(p.name("a"), StateRunning).HTTPAddr
	other := p.config
	other.Instances = []config.Instance{entry(t, p.name("a"))}
	second := launch(t, options{config: other})
	refused := second.awaitState(p.name("a"), StateFailed)
	for _, part := range []string{"owned by another process", "held by", "custodian"} {
		if !strings.Contains(refused.LastError, part) {
			t.Errorf("the error %q does not say %q", refused.LastError, part)
		}
	}
	if !refuses(refused.HTTPAddr) {
		t.Error("it holds its port in vain")
	}
	h.deposit(addr, "d-1")
	h.end()
	if s := second.must(second.Start(second.ctx, p.name("a"), true)); s.State != StateRunning {
		t.Errorf("after the owner's end: %+v", s)
	}
	if n := second.settlements(refused.HTTPAddr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
}

func TestRealStandbyTakesOverAndKnowsWhatWasDecided(t *testing.T) {
	eachIsolation(t, standbyTakesOverAndKnowsWhatWasDecided)
}

func standbyTakesOverAndKnowsWhatWasDecided(t *testing.T, p *place) {
	p.config.Storage.Postgres.Standby = true
	p.config.Instances = []config.Instance{entry(t, p.name("a"))}
	h := launch(t, options{config: p.config})
	one := h.awaitState(p.name("a"), StateRunning)
	h.deposit(one.HTTPAddr, "d-1")

	standby := launch(t, options{config: p.config}) // on the same ports: both are on this machine
	waiting := standby.awaitState(p.name("a"), StatePending)
	if waiting.Restarts != 0 || waiting.Ready {
		t.Errorf("standing by: %+v", waiting)
	}
	h.add(p.name("b")) // while the other only looks on
	if err := standby.syncDesired(standby.ctx); err != nil {
		t.Fatal(err)
	}
	h.Force()
	start := time.Now()
	h.end()
	for _, name := range []string{p.name("a"), p.name("b")} {
		standby.awaitState(name, StateRunning)
	}
	t.Logf("taken over in %s", time.Since(start))
	if n := standby.settlements(one.HTTPAddr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
	standby.deposit(one.HTTPAddr, "d-2")
}

// It is not parallel: other tests of this process would lose their ownership
// for a moment as well.
func TestRealDatabaseThatGoesAwayIsSurvived(t *testing.T) {
	for _, isolation := range []string{config.IsolationSchema, config.IsolationRole} {
		t.Run(isolation, func(t *testing.T) { databaseThatGoesAwayIsSurvived(t, newPlaceWith(t, isolation)) })
	}
}

func databaseThatGoesAwayIsSurvived(t *testing.T, p *place) {
	h := launch(t, options{config: p.config})
	one := h.add(p.name("a"))
	admin, err := pgx.Connect(h.ctx, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }()

	ctx, stop := context.WithCancel(h.ctx)
	var mu sync.Mutex
	acknowledged, unavailable := 0, 0
	var slowest time.Duration
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				start := time.Now()
				a, err := request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/settlements", fmt.Sprintf(
					`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"X","quantity":"1","external_id":"%d-%d"}`, worker, n))
				mu.Lock()
				slowest = max(slowest, time.Since(start))
				switch {
				case err != nil:
					t.Error(err)
				case a.status == http.StatusCreated:
					acknowledged++
				case a.status == http.StatusServiceUnavailable && a.code() == "unavailable":
					unavailable++
				default:
					t.Errorf("answered %d %s", a.status, a.body)
				}
				mu.Unlock()
			}
		})
	}
	progress := func(more int) {
		t.Helper()
		mu.Lock()
		goal := acknowledged + more
		mu.Unlock()
		h.until("requests are acknowledged again", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return acknowledged >= goal
		})
	}
	defer group.Wait()
	defer stop()
	progress(20)
	for round := range 3 {
		// The instance's connections and the one that holds the ownership, which
		// takes its time to be made anew.
		cut, err := admin.Exec(h.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE '%' || $1::text || '%' OR application_name LIKE 'custodian % ' || $2::text`,
			p.schema("a"), fmt.Sprint(os.Getpid()))
		if err != nil || (round == 0 && cut.RowsAffected() < 2) {
			t.Errorf("%d connections were cut, %v", cut.RowsAffected(), err)
		}
		progress(20)
	}
	stop()
	group.Wait()
	t.Logf("%d acknowledged, %d unavailable, the slowest answer took %s", acknowledged, unavailable, slowest)
	if slowest > 10*time.Second {
		t.Errorf("a caller waited %s", slowest)
	}
	if s := h.must(h.Get(p.name("a"))); s.Restarts != 0 || !s.Ready {
		t.Errorf("status %+v", s)
	}
	h.settlements(one.HTTPAddr)
	if count := p.row(h.ctx, `SELECT count(*)::text FROM `+p.schema("a")+`.settlements`)[0]; count != fmt.Sprint(acknowledged) {
		// What was answered unavailable may have been carried out, nothing else.
		var found int
		if _, err := fmt.Sscan(count, &found); err != nil || found < acknowledged || found > acknowledged+unavailable {
			t.Errorf("%s settlements, %d were acknowledged and %d are unknown", count, acknowledged, unavailable)
		}
	}
}

func TestRealServersThatRefuseAreNamedInOneLine(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	password := func(of config.Secret) config.Secret {
		u, err := url.Parse(of.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(u.User.Username(), "wrong-password")
		return config.Secret(u.String())
	}
	absent := fmt.Sprintf("postgres://u:secret@127.0.0.1:%d/d?sslmode=disable", freePort(t))
	for _, c := range []struct {
		name   string
		change func(c *config.Config)
		want   error
	}{
		{"PostgreSQL absent", func(c *config.Config) { c.Storage.Postgres.URL = config.Secret(absent) }, postgres.ErrUnreachable},
		{"PostgreSQL refuses the password", func(c *config.Config) { c.Storage.Postgres.URL = password(c.Storage.Postgres.URL) }, postgres.ErrRefused},
		{"Redis refuses the password", func(c *config.Config) { c.Redis.URL = password(c.Redis.URL) }, redis.ErrAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := p.config
			c.change(&changed)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			s, err := Open(ctx, Options{Config: changed, Metrics: obs.NewRegistry(), Logger: discard, Version: "test"})
			if !errors.Is(err, c.want) {
				t.Fatalf("Open: %v, %v; want %v", s, err, c.want)
			}
			if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "secret") || strings.Contains(text, "wrong-password") {
				t.Errorf("error %q", text)
			}
		})
	}
}
