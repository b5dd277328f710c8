// Package access decides who may call a face: an HTTP or gRPC port, of an
// instance or of the admin API.
//
// A [Guard] knows keys by their hashes, gives each its [Role], and bounds how
// fast they can be guessed. [Hosts] and [Sites] keep web pages from calling in
// the name of whoever looks at them. Refusals are [*sim.Error] values; none of
// them, and nothing else that leaves this package, holds a key.
//
// Everything here is safe for concurrent use.
package access
