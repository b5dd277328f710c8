// Package redis connects custodian instances to Redis 7: service discovery, a
// cache with expiry, and the published event stream.
//
// Redis is optional to settlement. Nothing here is on the path of a request
// that moves assets: when Redis is away, calls fail within a bounded time with
// [ErrUnavailable], [Server.Up] turns false, and the loops ([Discovery.Run],
// [Publisher.Run]) wait and pick up where they left off. A server counts as away
// as well when it takes no writes, and as new when it has lost what it held: each
// probe writes a mark and reads the one before. [Reason] words why for callers.
//
// # Entry points
//
//   - [Open] connects to a server; [OpenEmbedded] starts one inside the
//     process. [Servers] shares one connection pool per URL.
//   - [Cache] keeps values under "<prefix>cache:".
//   - [Discovery] announces instances under "custodian:service:<name>" and
//     "custodian:heartbeat:<name>".
//   - [Publisher] copies an instance's journal to the stream "<prefix>events",
//     without a gap and without a duplicate.
//
// # Lifecycle
//
// A [Server] owns the connections and one goroutine that probes the server by
// writing a mark. Everything else borrows the server and holds no resources of its own,
// so closing the server is enough.
//
// # Rights
//
// Everything works as a Redis user with no more than
//
//	~custodian:* +@read +@write +@keyspace +ping -@dangerous
//
// That rules out KEYS, MULTI, scripts, publish/subscribe, CLIENT and INFO, and
// so does this package. [Server.Check] tells which right is missing.
//
// With [Server.As] an instance works as a user of its own, which may use nothing
// but its own keys. Who makes such users needs +acl|setuser and +acl|deluser
// besides; Redis knows no bounds to these two.
package redis
