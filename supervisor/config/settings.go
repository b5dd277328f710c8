package config

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
)

// Settings are what an instance can leave to the defaults. Zero means "not
// given": none of them has zero as a useful value.
type Settings struct {
	// Profile is the kind of custodian that is simulated.
	Profile string `koanf:"profile" json:"profile,omitempty" oneof:"instant crypto-custodian global-custodian prime-broker"`
	// Settlement is laid over what the profile says, key by key.
	Settlement SettlementOverride `koanf:"settlement" json:"settlement,omitempty"`
	// Rails are laid over those of the profile, key by key. One that is null is taken
	// off.
	Rails RailsOverride `koanf:"rails" json:"rails,omitempty"`
	// Approvals are laid over those of the profile, key by key.
	Approvals ApprovalsOverride `koanf:"approvals" json:"approvals,omitempty"`
	// Policies decide on transfers when they are submitted, in their order.
	Policies []policy.Config `koanf:"policies" json:"policies,omitempty" len:"100"`
	// Reconciliation compares the books with those of the depository and the
	// correspondent banks.
	Reconciliation Reconciliation `koanf:"reconciliation" json:"reconciliation,omitzero"`
	// Webhooks says where events are posted to.
	Webhooks Webhooks `koanf:"webhooks" json:"webhooks,omitzero"`
	// APIKeys let in at both faces. With none, everybody who can reach them is let
	// in; with any, nobody else is, but for health and readiness.
	APIKeys []Token `koanf:"api_keys" json:"api_keys,omitempty" len:"1000"`
	// Seed makes identifiers and chances repeatable.
	Seed uint64 `koanf:"seed" json:"seed,omitempty" range:"1..18446744073709551615"`
	// Clock is how the time of new books begins.
	Clock Clock `koanf:"clock" json:"clock,omitzero"`
	// Accounts says how accounts come to be.
	Accounts Accounts `koanf:"accounts" json:"accounts,omitzero"`
	// Limits bound what the instance takes on.
	Limits Limits `koanf:"limits" json:"limits,omitzero"`
	// Restart says how the instance comes back after a failure.
	Restart Restart `koanf:"restart" json:"restart,omitzero"`
	// DrainGrace is how long a drain waits for work in flight.
	DrainGrace Duration `koanf:"drain_grace" json:"drain_grace,omitempty" range:"1ms..24h"`
}

// Clock is how the time of a new instance begins, and of one that was reset. The
// time of books that exist goes on as it stands in them. A clock that names its
// mode takes nothing from the defaults.
type Clock struct {
	// Mode is real for the time that it is, scaled for one that runs faster, manual
	// for one that stands still until it is advanced.
	Mode string `koanf:"mode" json:"mode,omitempty" oneof:"real scaled manual"`
	// Factor is how many times faster than real a scaled clock runs.
	Factor int64 `koanf:"factor" json:"factor,omitempty" range:"1..100000"`
	// Now is the instance time to begin with, of a scaled or manual clock; empty
	// for the present.
	Now Instant `koanf:"now" json:"now,omitempty"`
}

// Accounts says how accounts come to be. Nil means not given; after
// [Config.Resolve] nothing is nil.
type Accounts struct {
	// AutoOpen opens accounts that are named for the first time.
	AutoOpen *bool `koanf:"auto_open" json:"auto_open,omitempty"`
}

// Limits bound what an instance takes on.
type Limits struct {
	// MaxBodyBytes bounds a request's body, in bytes.
	MaxBodyBytes int `koanf:"max_body_bytes" json:"max_body_bytes,omitempty" range:"1024..67108864"`
	// MaxInFlight bounds the requests that are served at one time.
	MaxInFlight int `koanf:"max_in_flight" json:"max_in_flight,omitempty" range:"1..1000000"`
	// Rate bounds the requests per second. There is no bound where none is given.
	Rate int `koanf:"rate" json:"rate,omitempty" range:"1..10000000"`
	// Burst is how many of them may come at once. If it is not given, it is those of
	// a second.
	Burst int `koanf:"burst" json:"burst,omitempty" range:"1..10000000"`
	// MaxClientConnections bounds the open connections of HTTP, and those of gRPC.
	MaxClientConnections int `koanf:"max_client_connections" json:"max_client_connections,omitempty" range:"1..1000000"`
	// MaxCallsPerConnection bounds the calls under way on one connection of gRPC.
	MaxCallsPerConnection int `koanf:"max_calls_per_connection" json:"max_calls_per_connection,omitempty" range:"1..100000"`
	// ConnectionRate is how many connections of HTTP, and of gRPC, are let in per
	// second.
	ConnectionRate int `koanf:"connection_rate" json:"connection_rate,omitempty" range:"10..1000000"`
	// MaxStreams bounds the event streams over HTTP and gRPC together.
	MaxStreams int `koanf:"max_streams" json:"max_streams,omitempty" range:"1..100000"`
	// MaxBytes bounds the bytes of large bodies, messages and answers in memory.
	MaxBytes int `koanf:"max_bytes" json:"max_bytes,omitempty" range:"1048576..17179869184"`
	// Queue bounds the commands that wait for the engine.
	Queue int `koanf:"queue" json:"queue,omitempty" range:"1..1000000"`
	// MaxBatch bounds the commands in one journal append.
	MaxBatch int `koanf:"max_batch" json:"max_batch,omitempty" range:"1..10000"`
	// PageMax bounds the entries of one page of a list.
	PageMax int `koanf:"page_max" json:"page_max,omitempty" range:"1..10000"`
	// LabelValues bounds the values of each metric label that callers choose.
	LabelValues int `koanf:"label_values" json:"label_values,omitempty" range:"1..10000"`
	// MaxAccounts bounds the accounts in the books.
	MaxAccounts int `koanf:"max_accounts" json:"max_accounts,omitempty" range:"1..100000000"`
	// MaxHoldings bounds the positions and balances in the books.
	MaxHoldings int `koanf:"max_holdings" json:"max_holdings,omitempty" range:"1..100000000"`
	// MaxOpenSettlements bounds the settlements that are not final.
	MaxOpenSettlements int `koanf:"max_open_settlements" json:"max_open_settlements,omitempty" range:"1..100000000"`
	// MaxOpenTransfers bounds the transfers that are not done.
	MaxOpenTransfers int `koanf:"max_open_transfers" json:"max_open_transfers,omitempty" range:"1..100000000"`
	// RequestTimeout is the longest that a caller waits for an answer.
	RequestTimeout Duration `koanf:"request_timeout" json:"request_timeout,omitempty" range:"10ms..1h"`
}

// Restart says how an instance that failed comes back: after Initial, twice as
// long each time, up to Max.
type Restart struct {
	// Initial is the pause before the first restart; each further one is twice as
	// long, up to Max.
	Initial Duration `koanf:"initial" json:"initial,omitempty" range:"1ms..1h"`
	// Max is the longest pause.
	Max Duration `koanf:"max" json:"max,omitempty" range:"1ms..24h"`
	// ForgiveAfter is the time of health after which failures are forgotten.
	ForgiveAfter Duration `koanf:"forgive_after" json:"forgive_after,omitempty" range:"1ms..24h"`
	// MaxAttempts is after how many failures in a row the instance is given up. A store
	// that is away counts for none: the instance stays pending and is tried for as
	// long as it takes, so that it is there again when its store is.
	MaxAttempts int `koanf:"max_attempts" json:"max_attempts,omitempty" range:"1..1000000"`
}

// Default returns the configuration of a process that was told nothing: no
// instances, everything embedded, loopback only.
func Default() Config {
	autoOpen := true
	return Config{
		Admin:   Admin{Listen: "127.0.0.1:7080"},
		Log:     Log{Level: "info", Format: "json"},
		Service: Service{Name: serviceName},
		DataDir: "./custodian-data",
		Storage: Storage{Driver: StorageSQLite, Postgres: Postgres{MaxConnections: 80, Isolation: IsolationSchema}},
		Redis: Redis{
			Driver: RedisEmbedded, CacheTTL: Duration(5 * time.Minute), HeartbeatInterval: Duration(30 * time.Second),
		},
		Ports: Ports{Host: "127.0.0.1", HTTP: PortRange{8080, 8999}, GRPC: PortRange{50051, 50970}},
		Defaults: Settings{
			Profile: "instant", Seed: 1, Clock: Clock{Mode: "real"}, Accounts: Accounts{AutoOpen: &autoOpen},
			Limits: Limits{
				MaxBodyBytes: 1 << 20, MaxInFlight: 1024, MaxClientConnections: 1024,
				MaxCallsPerConnection: 250, ConnectionRate: 250, MaxStreams: 128, MaxBytes: 64 << 20, Queue: 4096, MaxBatch: 512, PageMax: 1000, LabelValues: 100,
				MaxAccounts: 1_000_000, MaxHoldings: 5_000_000, MaxOpenSettlements: 1_000_000,
				MaxOpenTransfers: 1_000_000,
				RequestTimeout:   Duration(30 * time.Second),
			},
			Restart: Restart{
				Initial: Duration(500 * time.Millisecond), Max: Duration(30 * time.Second),
				ForgiveAfter: Duration(time.Minute), MaxAttempts: 10,
			},
			DrainGrace: Duration(30 * time.Second),
		},
	}
}

// serviceName is the kind of service that this program is. An instance that
// bears it has, for the deployments that set it, no name of its own.
const serviceName = "custodian-simulator"
