package supervisor

import (
	"fmt"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Provisions is what administrators do once for a configuration, on every server
// that it names.
type Provisions struct {
	Postgres []*postgres.Provision
	Redis    []*redis.Provision
}

// NewProvisions finds the servers of a configuration: those of the process, on
// which instances can be added at any time, and those of single instances.
func NewProvisions(cfg config.Config) (Provisions, error) {
	databases, caches := serversOf(cfg)
	var out Provisions
	for _, url := range sorted(databases) {
		p, err := postgres.NewProvision(url.Reveal(), databases[url])
		if err != nil {
			return out, fmt.Errorf("storage.postgres.url: %w", err)
		}
		out.Postgres = append(out.Postgres, p)
	}
	for _, url := range sorted(caches) {
		p, err := redis.NewProvision(url.Reveal(), caches[url])
		if err != nil {
			return out, fmt.Errorf("redis.url: %w", err)
		}
		out.Redis = append(out.Redis, p)
	}
	return out, nil
}

// serversOf returns the URLs of PostgreSQL and Redis that a configuration names, and
// whether instances have roles of their own there.
func serversOf(cfg config.Config) (databases, caches map[config.Secret]bool) {
	databases, caches = make(map[config.Secret]bool), make(map[config.Secret]bool)
	for _, entry := range append([]config.Instance{{}}, cfg.Instances...) {
		i := cfg.Resolve(entry)
		if url := i.Storage.Postgres.URL; i.Storage.Driver == config.StoragePostgres && url != "" {
			databases[url] = databases[url] || i.Storage.Postgres.Isolation == config.IsolationRole
		}
		if url := i.Redis.URL; i.Redis.Driver == config.RedisServer && url != "" {
			caches[url] = caches[url] || i.Redis.Isolation == config.IsolationRole
		}
	}
	return databases, caches
}

func sorted(set map[config.Secret]bool) []config.Secret {
	out := make([]config.Secret, 0, len(set))
	for url := range set {
		out = append(out, url)
	}
	slices.Sort(out)
	return out
}
