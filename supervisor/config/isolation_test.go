package config

import "testing"

func TestIsolationFollowsFromTheProcessUnlessAnInstanceSaysOtherwise(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		process        string // isolation in PostgreSQL
		redis          string // and in Redis
		instance       Instance
		inSQL, inRedis string
	}{
		"nothing is said":          {"schema", "", Instance{}, IsolationSchema, IsolationShared},
		"role is for both":         {"role", "", Instance{}, IsolationRole, IsolationRole},
		"Redis is left out":        {"role", "shared", Instance{}, IsolationRole, IsolationShared},
		"Redis alone":              {"schema", "role", Instance{}, IsolationSchema, IsolationRole},
		"an instance asks for it":  {"schema", "", Instance{Storage: InstanceStorage{Postgres: InstancePostgres{Isolation: IsolationRole}}}, IsolationRole, IsolationRole},
		"an instance does without": {"role", "", Instance{Storage: InstanceStorage{Postgres: InstancePostgres{Isolation: IsolationSchema}}}, IsolationSchema, IsolationShared},
		"an instance in a file":    {"role", "", Instance{Storage: InstanceStorage{Driver: StorageSQLite}}, "", IsolationShared},
		"and its Redis":            {"role", "", Instance{Storage: InstanceStorage{Driver: StorageSQLite}, Redis: InstanceRedis{Isolation: IsolationRole}}, "", IsolationRole},
		"no Redis":                 {"role", "", Instance{Redis: InstanceRedis{Driver: RedisOff, Isolation: IsolationRole}}, IsolationRole, ""},
	}
	for name, c := range cases {
		cfg := Default()
		cfg.Storage.Driver, cfg.Storage.Postgres.URL, cfg.Storage.Postgres.Isolation = StoragePostgres, "postgres://h/d", c.process
		cfg.Redis.Driver, cfg.Redis.URL, cfg.Redis.Isolation = RedisServer, "redis://h", c.redis
		c.instance.Name = "x"
		got := cfg.Resolve(c.instance)
		if got.Storage.Postgres.Isolation != c.inSQL || got.Redis.Isolation != c.inRedis {
			t.Errorf("%s: %q and %q, want %q and %q", name, got.Storage.Postgres.Isolation, got.Redis.Isolation, c.inSQL, c.inRedis)
		}
		if again := cfg.Resolve(got); InstanceHash(again) != InstanceHash(got) {
			t.Errorf("%s: resolving it again gives %+v", name, again)
		}
	}
}
