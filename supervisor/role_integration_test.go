//go:build integration

package supervisor

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (p *place) role(suffix string) string { return postgres.RoleName(p.id, p.schema(suffix)) }

func (p *place) user(suffix string) string { return redis.UserName(redis.Prefix(p.prefix(suffix)), 0) }

// hasUsers reports which of an instance's role and user there are.
func (p *place) hasUsers(h *harness, suffix string) (role, user bool) {
	h.t.Helper()
	found := p.row(h.ctx, `SELECT count(*)::text FROM pg_roles WHERE rolname = $1`, p.role(suffix))
	admin := p.redisAs(testURL(p.t, "TEST_REDIS_ADMIN_URL"))
	defer func() { _ = admin.Close() }()
	users, err := admin.Do(h.ctx, "acl", "users").StringSlice()
	if err != nil {
		h.t.Fatal(err)
	}
	return found[0] == "1", slices.Contains(users, p.user(suffix))
}

func (p *place) wantUsers(h *harness, suffix string, role, user bool) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s has a role (%t) and a user (%t)", suffix, role, user), func() bool {
		r, u := p.hasUsers(h, suffix)
		return r == role && u == user
	})
}

// published reports whether the stream in Redis has the settlement.
func (p *place) published(h *harness, suffix, id string) bool {
	entries, err := p.raw.XRange(h.ctx, redis.Prefix(p.prefix(suffix)).Events(), "-", "+").Result()
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Contains(fmt.Sprint(entries), id)
}

func TestRealInstancesWorkAsUsersOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := newPlaceWith(t, config.IsolationRole)
	var log logBuffer
	h := launch(t, options{config: p.config, logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	one, two := h.add(p.name("one")), h.add(p.name("two"))
	h.add(p.name("plain"), `"storage":{"postgres":{"isolation":"schema"}}`, `"redis":{"isolation":"shared"}`)
	p.wantUsers(h, "one", true, true)
	p.wantUsers(h, "two", true, true)
	p.wantUsers(h, "plain", false, false)
	h.deposit(one.HTTPAddr, "first")
	sessions := p.row(h.ctx, `SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE application_name = $1`, "custodian "+p.name("one"))
	if sessions[0] != p.role("one") {
		t.Errorf("the instance works as %s, want %s", sessions[0], p.role("one"))
	}
	h.until("the event is published", func() bool { return p.published(h, "one", "first") })
	if s, err := redis.NewDiscovery(p.redis).Discover(h.ctx, p.name("one")); err != nil || s.ServiceName != p.name("one") {
		t.Errorf("discovery has %+v, %v", s, err)
	}

	// All that is done with books is done under a role as well.
	h.must(h.Reset(h.ctx, p.name("two"), 0, true))
	h.deposit(two.HTTPAddr, "after the reset")
	h.must(h.Restart(h.ctx, p.name("one"), 0, true))
	h.deposit(one.HTTPAddr, "second")
	h.must(h.Drain(h.ctx, p.name("one"), 0, true))
	p.wantUsers(h, "one", true, true) // nobody knows its password any more
	verified, err := Verify(h.ctx, p.config, []string{p.name("one")}, discard, nil)
	if err != nil || len(verified) != 1 || verified[0].Report == nil || !verified[0].Report.OK() {
		t.Errorf("verified: %+v, %v", verified, err)
	}
	h.must(h.Start(h.ctx, p.name("one"), true))
	if n := h.settlements(one.HTTPAddr); n != 2 {
		t.Errorf("%d settlements, want 2", n)
	}

	// What is removed leaves neither role nor user; its books stay unless purged.
	if _, err := h.Remove(h.ctx, p.name("one"), RemoveOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	p.wantUsers(h, "one", false, false)
	p.wantRow(h.ctx, "2", `SELECT count(*)::text FROM `+p.schema("one")+`.settlements`)
	if _, err := h.Remove(h.ctx, p.name("two"), RemoveOptions{Wait: true, Purge: true}); err != nil {
		t.Fatal(err)
	}
	p.wantUsers(h, "two", false, false)
	p.wantRow(h.ctx, "0", `SELECT count(*)::text FROM pg_namespace WHERE nspname = $1`, p.schema("two"))
	again := h.add(p.name("one"))
	if n := h.settlements(again.HTTPAddr); n != 2 {
		t.Errorf("%d settlements after it was added again, want 2", n)
	}

	for _, secret := range []string{"SCRAM-SHA-256$", "PASSWORD", "pw-" + p.id} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(log.String(), "everybody has rights") || !strings.Contains(log.String(), "CONNECT on database postgres") {
		t.Error("it is not told that everybody may connect to another database")
	}
	document, err := config.EncodeConfig(h.file)
	if err != nil || !strings.Contains(string(document), `"isolation":"role"`) {
		t.Errorf("the configuration is %s, %v", document, err)
	}
}

func TestRealIsolationOfAnInstanceChangesWithItsEntry(t *testing.T) {
	t.Parallel()
	p := newPlaceWith(t, config.IsolationRole)
	name := p.name("moving")
	ports := fmt.Sprintf(`"http_port":%d,"grpc_port":%d`, freePort(t), freePort(t))
	c := p.config
	var mu sync.Mutex
	load := func() (config.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return c, nil
	}
	set := func(isolation string) {
		mu.Lock()
		defer mu.Unlock()
		c.Instances = []config.Instance{entry(t, name, ports, fmt.Sprintf(`"storage":{"postgres":{"isolation":%q}}`, isolation))}
	}
	set(config.IsolationSchema)
	c0, _ := load()
	h := launch(t, options{config: c0, load: load})
	status := h.awaitState(name, StateRunning)
	for round, isolation := range []string{config.IsolationRole, config.IsolationSchema, config.IsolationRole} {
		restarts := len(h.states(name))
		set(isolation)
		if changes, err := h.Reload(h.ctx); err != nil || len(changes) != 1 || changes[0].Action != "restart" {
			t.Fatalf("%v, %v", changes, err)
		}
		h.until("it runs again", func() bool { return len(h.states(name)) > restarts && h.must(h.Get(name)).Ready })
		h.until("its role is as it should be", func() bool {
			role, _ := p.hasUsers(h, "moving")
			return role == (isolation == config.IsolationRole)
		})
		h.deposit(status.HTTPAddr, fmt.Sprintf("round-%d", round))
		if n := h.settlements(status.HTTPAddr); n != round+1 {
			t.Errorf("%d settlements in round %d", n, round)
		}
	}
}

func TestRealServersThatAreNotProvisionedAreNamed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.config
	c.Storage.Postgres.Isolation = config.IsolationRole
	_, err := Open(t.Context(), Options{Config: c, Metrics: obs.NewRegistry(), Logger: discard})
	for _, what := range []string{"custodian_adapter lacks CREATEROLE", "ALTER ROLE", "custodian provision"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("PostgreSQL: %v does not say %q", err, what)
		}
	}
	c.Storage.Postgres.Isolation, c.Redis.Isolation = config.IsolationSchema, config.IsolationRole
	_, err = Open(t.Context(), Options{Config: c, Metrics: obs.NewRegistry(), Logger: discard})
	for _, what := range []string{"ACL|SETUSER", "ACL|DELUSER", "+acl|setuser", "custodian provision"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("Redis: %v does not say %q", err, what)
		}
	}
	// An instance that asks for it alone says so itself, and runs once it is done.
	h := launch(t, options{config: p.config})
	_, err = h.Add(h.ctx, entry(t, p.name("alone"), `"storage":{"postgres":{"isolation":"role"}}`), true)
	if err == nil || !strings.Contains(err.Error(), "custodian provision") {
		t.Errorf("adding: %v", err)
	}
	h.want(http.StatusOK, http.MethodGet, h.add(p.name("other")).HTTPAddr, "/api/v1/health", "")
}
