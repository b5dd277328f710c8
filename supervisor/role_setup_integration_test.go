//go:build integration

package supervisor

import (
	"context"
	"net/url"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// withUser returns a URL with another user, and another path unless it is empty.
func (p *place) withUser(text, user, path string) string {
	u, err := url.Parse(text)
	if err != nil {
		p.t.Fatal("a URL of the test servers is malformed")
	}
	u.User = url.UserPassword(user, "pw-"+user)
	if path != "" {
		u.Path = path
	}
	return u.String()
}

// provision gives the place a database and users of its own, which are gone with
// the test.
func (p *place) provision(postgresAdmin, redisAdmin string) {
	c := &p.config
	c.Storage.Postgres.URL = config.Secret(p.withUser(postgresAdmin, p.id, "/"+p.id))
	c.Redis.URL = config.Secret(p.withUser(redisAdmin, p.id, ""))
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		admin, err := pgx.Connect(ctx, postgresAdmin)
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = admin.Close(ctx) }()
		for _, sql := range []string{
			"DROP DATABASE IF EXISTS " + p.id + " WITH (FORCE)", "DROP ROLE IF EXISTS " + postgres.GroupName(p.id), "DROP ROLE IF EXISTS " + p.id,
		} {
			if _, err := admin.Exec(ctx, sql); err != nil {
				p.t.Errorf("%s: %v", sql, err)
			}
		}
		redis := p.redisAs(redisAdmin)
		defer func() { _ = redis.Close() }()
		if err := redis.Do(ctx, "acl", "deluser", p.id).Err(); err != nil {
			p.t.Error(err)
		}
	})
	all, err := NewProvisions(*c)
	if err != nil || len(all.Postgres) != 1 || len(all.Redis) != 1 {
		p.t.Fatalf("%+v, %v", all, err)
	}
	if set, err := all.Postgres[0].Apply(p.t.Context(), postgresAdmin, false); err != nil || !set {
		p.t.Fatalf("password set: %t, %v", set, err)
	}
	if done, err := all.Redis[0].Apply(p.t.Context(), redisAdmin, false); err != nil || !done.PasswordSet {
		p.t.Fatalf("%+v, %v", done, err)
	}
}

func (p *place) redisAs(url string) *goredis.Client {
	options, err := goredis.ParseURL(url)
	if err != nil {
		p.t.Fatal(err)
	}
	return goredis.NewClient(options)
}
