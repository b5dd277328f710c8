// Package badinput sends generated requests, right ones and wrong ones, to all
// faces of a running supervisor: to the HTTP and gRPC faces of its instances and
// to the admin API.
//
// The OpenAPI documents and the protobuf descriptors drive it: what is sent is
// made from them, and what comes back is held against them. An answer must have a
// status, a media type, headers and a body that the document allows, and what was
// accepted must have been allowed as well. Nothing may be answered as if the
// server were at fault, no log may tell of a panic, and the books must be right
// afterwards.
//
// A run is a function of its seed. A finding names the seed of its round and the
// number of the request in it, and shows the request as a command of curl or
// grpcurl. All of it is in the tests; make fuzz-api is the long run.
package badinput
