// Package custodianpb is the custodian's gRPC interface: messages, clients and
// server interfaces of the protobuf package custodian, generated from the
// .proto files beside it (make proto). The comments on custodian.proto say what
// holds for every call: amounts, metadata, idempotency keys and errors.
//
// Fields are added, never renumbered, retyped or reused.
package custodianpb
