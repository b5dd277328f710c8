//go:build unix

package servers

import "time"

// What the servers are made with; the program's documented examples use the
// same names.
const (
	// PostgresUser owns the database that tests work in.
	PostgresUser = "custodian_adapter"
	// PostgresPassword is the password of [PostgresUser].
	PostgresPassword = "custodian-adapter-db-pass"
	// PostgresDatabase is the database that tests work in.
	PostgresDatabase = "trading_ecosystem"
	// RedisUser may do what the custodian needs in Redis, and nothing else.
	RedisUser = "custodian-adapter"
	// RedisPassword is the password of [RedisUser].
	RedisPassword = "custodian-pass"
	// RedisACL is the whole access rule of [RedisUser], as Redis reads it.
	RedisACL = "user " + RedisUser + " on >" + RedisPassword + " ~custodian:* +@read +@write +@keyspace +ping -@dangerous"
)

// Environment variables in which tests find their servers.
const (
	// EnvPostgresURL names the database as [PostgresUser].
	EnvPostgresURL = "TEST_POSTGRES_URL"
	// EnvPostgresAdminURL names the same database as a superuser.
	EnvPostgresAdminURL = "TEST_POSTGRES_ADMIN_URL"
	// EnvRedisURL names the server as [RedisUser].
	EnvRedisURL = "TEST_REDIS_URL"
	// EnvRedisAdminURL names the server as a user that may do everything.
	EnvRedisAdminURL = "TEST_REDIS_ADMIN_URL"
)

// Limits of starting and stopping.
const (
	startTimeout = time.Minute      // when the caller's context has no deadline
	stopTimeout  = 10 * time.Second // from the polite signal to SIGKILL
	pollInterval = 20 * time.Millisecond
	portTries    = 5 // another process may take a free port before the server does
	logTailBytes = 4 << 10
)

// Options say how a server is started. The zero value is what most tests want.
type Options struct {
	// Fsync makes what is committed survive a power failure, at the price of
	// the disk's real speed: for PostgreSQL fsync and full_page_writes, for
	// Redis an append-only file that is synced on every write. Without it a
	// PostgreSQL commit still survives every crash and kill of the server
	// process, and Redis forgets everything when it stops. Benchmarks set it.
	Fsync bool

	// ExtraConf holds lines for the end of the server's configuration file,
	// in that server's own syntax. They win over what the package sets.
	ExtraConf []string
}
