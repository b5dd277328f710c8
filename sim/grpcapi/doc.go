// Package grpcapi is the custodian's gRPC face: the services of package
// custodianpb on top of an engine, with health checks, reflection and error
// details. It is an adapter. It reads requests, hands them on and writes
// answers; every rule of custody is in package sim.
//
// A [Server] serves one instance. It begins as not serving, see
// [Server.SetServing], and ends with [Server.Drain], which keeps its deadline
// whatever clients do: streams are told to come back later, a client that does
// not read is cut off, and so is a connection that never spoke HTTP/2.
//
// Everything that callers can make grow has a bound, see [Limits]. A panic in a
// handler answers its own call with INTERNAL and disturbs nothing else.
package grpcapi
