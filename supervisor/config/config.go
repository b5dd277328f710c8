package config

// Config is the whole desired state of a process. The zero value is not useful;
// start from [Default].
type Config struct {
	// Admin is the process's own API.
	Admin Admin `koanf:"admin" json:"admin"`
	// Log is what the process writes to standard error.
	Log Log `koanf:"log" json:"log"`
	// Tracing says where traces of requests go; nowhere unless it has an endpoint.
	Tracing Tracing `koanf:"tracing" json:"tracing,omitzero"`
	// Service is what discovery tells of every instance.
	Service Service `koanf:"service" json:"service,omitzero"`
	// DataDir holds the SQLite files and the supervisor's own records.
	DataDir string `koanf:"data_dir" json:"data_dir" len:"4096"`
	// Storage says where journals and tables are kept.
	Storage Storage `koanf:"storage" json:"storage"`
	// Redis is used for discovery, the cache and the published event stream.
	Redis Redis `koanf:"redis" json:"redis"`
	// Ports says where instances listen.
	Ports Ports `koanf:"ports" json:"ports"`
	// Defaults apply to every instance that does not say otherwise.
	Defaults Settings `koanf:"defaults" json:"defaults"`
	// Instances are the custodians, in the order in which they were written.
	Instances []Instance `koanf:"instances" json:"instances" len:"10000"`
}

// Admin configures the admin API.
type Admin struct {
	// Listen is host:port; with port 0 the system chooses one. Beyond loopback, Tokens or TLS.ClientCA is required.
	Listen string `koanf:"listen" json:"listen" len:"300"`
	// AddressFile is a file that gets the address of the API, such as
	// http://127.0.0.1:7080, once it listens, and is removed when the process ends.
	AddressFile string `koanf:"address_file" json:"address_file,omitempty" len:"4096"`
	// Tokens let in who shows one of them. They are taken up while the process runs.
	Tokens []Token `koanf:"tokens" json:"tokens,omitempty" len:"1000"`
	// Hosts are names by which the API may be called, beside its address and
	// localhost; * is any.
	Hosts []string `koanf:"hosts" json:"hosts,omitempty" len:"100"`
	// TLS has the API speak HTTPS.
	TLS TLS `koanf:"tls" json:"tls,omitzero"`
}

// Token is a secret that lets in, of which only the hash is known: a token of
// the admin API, or an API key of an instance.
type Token struct {
	// Name says in logs who came.
	Name string `koanf:"name" json:"name" len:"100"`
	// SHA256 is the hash of the secret, in lower case.
	SHA256 KeyHash `koanf:"sha256" json:"sha256" len:"100"`
	// Role is what it lets do; empty is operate.
	Role string `koanf:"role" json:"role,omitempty" oneof:"read operate"`
}

// TLS names PEM files.
type TLS struct {
	// Cert is the file of the certificate, with those between it and its authority.
	Cert string `koanf:"cert" json:"cert,omitempty" len:"4096"`
	// Key is the file of the certificate's private key.
	Key string `koanf:"key" json:"key,omitempty" len:"4096"`
	// ClientCA is the file of the certificates that sign those of allowed clients.
	ClientCA string `koanf:"client_ca" json:"client_ca,omitempty" len:"4096"`
	// Clients are the certificates that let in. With none, every one that
	// ClientCA vouches for does, and may operate.
	Clients []Client `koanf:"clients" json:"clients,omitempty" len:"1000"`
}

// Client is a client certificate, by its subject or one of its alternative names.
type Client struct {
	// Subject is the distinguished name as RFC 2253 writes it, such as
	// CN=ops,O=Fund.
	Subject string `koanf:"subject" json:"subject,omitempty" len:"1000"`
	// SAN is an alternative name: a DNS name, an address, an e-mail address or a
	// URI.
	SAN string `koanf:"san" json:"san,omitempty" len:"1000"`
	// Role is what it lets do; empty is operate.
	Role string `koanf:"role" json:"role,omitempty" oneof:"read operate"`
}

// Log configures the process's log.
type Log struct {
	// Level is the lowest level that is written. It can be changed while the process
	// runs, of single instances too.
	Level string `koanf:"level" json:"level" oneof:"debug info warn error"`
	// Format is json for programs, or console for people.
	Format string `koanf:"format" json:"format" oneof:"json console"`
}

// Tracing configures the sending of traces.
type Tracing struct {
	// Endpoint is the URL of an OTLP receiver over HTTP. What else there is to say of
	// it, such as secret headers, is taken from the variables OTEL_EXPORTER_OTLP_*.
	Endpoint string `koanf:"endpoint" json:"endpoint,omitempty" len:"4096"`
	// OneIn is of how many traces that begin here one is kept; 0 is 1.
	OneIn int `koanf:"one_in" json:"one_in,omitempty" range:"1..1000000"`
}

// Service is what discovery publishes beside names and ports.
type Service struct {
	// Name is the kind of service, not the name of an instance.
	Name string `koanf:"name" json:"name,omitempty" len:"100"`
	// Version is empty for the version of the program.
	Version string `koanf:"version" json:"version,omitempty" len:"100"`
	// Environment is free text such as development or staging.
	Environment string `koanf:"environment" json:"environment,omitempty" len:"100"`
}

// The storage drivers.
const (
	StorageSQLite   = "sqlite"
	StorageMemory   = "memory"
	StoragePostgres = "postgres"
)

// Storage says where journals and tables are kept. A URL without a driver implies
// postgres.
type Storage struct {
	// Driver is where journals and tables are kept: in files of DataDir, in memory
	// alone, or on a PostgreSQL server, which is meant where one is named by its URL.
	Driver string `koanf:"driver" json:"driver" oneof:"sqlite memory postgres"`
	// Postgres is the server of all instances that name none themselves.
	Postgres Postgres `koanf:"postgres" json:"postgres"`
}

// Postgres is the PostgreSQL server of all instances that name none themselves.
type Postgres struct {
	// URL is postgres://user:password@host:5432/database.
	URL Secret `koanf:"url" json:"url,omitempty" len:"4096"`
	// MaxConnections bounds the connections of the whole process, all servers
	// together.
	MaxConnections int `koanf:"max_connections" json:"max_connections" range:"4..10000"`
	// Standby makes an instance that another supervisor owns wait until it is
	// free, instead of failing.
	Standby bool `koanf:"standby" json:"standby,omitempty"`
	// Isolation is how instances on one server are kept apart: by schema alone,
	// or also by a role of their own that has no rights but on its schema.
	Isolation string `koanf:"isolation" json:"isolation" oneof:"schema role"`
}

// The ways in which instances on one server are kept apart. With IsolationRole
// the servers themselves refuse an instance what is another's.
const (
	IsolationSchema = "schema" // in PostgreSQL
	IsolationShared = "shared" // in Redis
	IsolationRole   = "role"   // in both
)

// The Redis drivers.
const (
	RedisEmbedded = "embedded"
	RedisServer   = "server"
	RedisOff      = "off"
)

// Redis is used for discovery, the cache and the published event stream. A URL
// without a driver implies server.
type Redis struct {
	// Driver is a Redis within the process, a server, which is meant where one is
	// named by its URL, or none.
	Driver string `koanf:"driver" json:"driver" oneof:"embedded server off"`
	// URL is redis://user:password@host:6379/0, rediss:// with TLS, or unix:// with
	// the path of a socket.
	URL Secret `koanf:"url" json:"url,omitempty" len:"4096"`
	// Isolation is how instances on one server are kept apart: by their prefixes
	// alone, or also by a user of their own. Empty means as in PostgreSQL.
	Isolation string `koanf:"isolation" json:"isolation,omitempty" oneof:"shared role"`
	// CacheTTL is how long a cache entry lives that sets no time itself.
	CacheTTL Duration `koanf:"cache_ttl" json:"cache_ttl" range:"1s..720h"`
	// HeartbeatInterval is the time between two heartbeats; an instance that
	// misses three of them counts as gone.
	HeartbeatInterval Duration `koanf:"heartbeat_interval" json:"heartbeat_interval" range:"1s..1h"`
}

// Ports says where instances listen.
type Ports struct {
	// Host is the address of all instances' listeners. Beyond loopback every
	// instance has API keys, or TLS.ClientCA is set, unless Open says otherwise.
	Host string `koanf:"host" json:"host" len:"253"`
	// Open lets instances listen beyond loopback and ask nobody who he is.
	Open bool `koanf:"open" json:"open,omitempty"`
	// Hosts are names by which instances may be called over HTTP, beside addresses,
	// names of one word and those of a local network; * is any.
	Hosts []string `koanf:"hosts" json:"hosts,omitempty" len:"100"`
	// TLS is for both faces of all instances.
	TLS PortsTLS `koanf:"tls" json:"tls,omitzero"`
	// HTTP has the ports of instances that name none for HTTP.
	HTTP PortRange `koanf:"http" json:"http"`
	// GRPC has the ports of instances that name none for gRPC.
	GRPC PortRange `koanf:"grpc" json:"grpc"`
}

// PortsTLS names PEM files for the faces of instances.
type PortsTLS struct {
	// Cert is the file of the certificate, with those between it and its authority.
	Cert string `koanf:"cert" json:"cert,omitempty" len:"4096"`
	// Key is the file of the certificate's private key.
	Key string `koanf:"key" json:"key,omitempty" len:"4096"`
	// ClientCA is the file of the certificates of which one has to have signed what
	// every client shows.
	ClientCA string `koanf:"client_ca" json:"client_ca,omitempty" len:"4096"`
}

// Instance is one custodian: one entry of `instances`.
type Instance struct {
	// Name is a DNS label of at most 63 characters, unique in the process.
	Name string `koanf:"name" json:"name" len:"200"`
	// HTTPPort is where HTTP is served; 0 is the lowest of the range that no instance
	// has.
	HTTPPort int `koanf:"http_port" json:"http_port,omitempty" range:"0..65535"`
	// GRPCPort is where gRPC is served; 0 is the lowest of the range that no instance
	// has.
	GRPCPort int `koanf:"grpc_port" json:"grpc_port,omitempty" range:"0..65535"`
	// Settings that are not given here come from the defaults.
	Settings `koanf:",squash"`
	// Schema is the PostgreSQL schema, or the name of the SQLite file. Empty is the
	// one that derives from the name: custodian_sim_001 of custodian-sim-001.
	Schema string `koanf:"schema" json:"schema,omitempty" len:"200"`
	// RedisPrefix begins all keys in Redis. Empty is the one that derives from the
	// name: custodian:sim:001: of custodian-sim-001.
	RedisPrefix string `koanf:"redis_prefix" json:"redis_prefix,omitempty" len:"200"`
	// Storage has what differs from the storage of the process.
	Storage InstanceStorage `koanf:"storage" json:"storage,omitzero"`
	// Redis has what differs from the Redis of the process.
	Redis InstanceRedis `koanf:"redis" json:"redis,omitzero"`
	// Assets are declared in addition to the ones that are known anyway, or to count
	// in other units.
	Assets []Asset `koanf:"assets" json:"assets,omitempty" len:"10000"`
	// Opening is what new books begin with.
	Opening Opening `koanf:"opening" json:"opening,omitzero"`
}

// InstanceStorage overrides [Storage] for one instance. A URL without a driver
// implies postgres.
type InstanceStorage struct {
	// Driver is that of the process if it is empty.
	Driver string `koanf:"driver" json:"driver,omitempty" oneof:"sqlite memory postgres"`
	// Postgres is a server of its own.
	Postgres InstancePostgres `koanf:"postgres" json:"postgres,omitzero"`
}

// InstancePostgres names an instance's own PostgreSQL server, and how it is kept
// apart from others there.
type InstancePostgres struct {
	// URL is that of the process if it is empty.
	URL Secret `koanf:"url" json:"url,omitempty" len:"4096"`
	// Isolation is that of the process if it is empty.
	Isolation string `koanf:"isolation" json:"isolation,omitempty" oneof:"schema role"`
}

// InstanceRedis overrides [Redis] for one instance. A URL without a driver
// implies server.
type InstanceRedis struct {
	// Driver is that of the process if it is empty.
	Driver string `koanf:"driver" json:"driver,omitempty" oneof:"embedded server off"`
	// URL is that of the process if it is empty.
	URL Secret `koanf:"url" json:"url,omitempty" len:"4096"`
	// Isolation is that of the process if it is empty.
	Isolation string `koanf:"isolation" json:"isolation,omitempty" oneof:"shared role"`
}
