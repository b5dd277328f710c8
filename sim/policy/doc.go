// Package policy compiles the rules on transfers that an instance is configured
// with.
//
// [Compile] turns a list of [Config] values into [sim.Policy] values, which the
// books ask in their order when a transfer is submitted. A policy has a
// condition, an expression of the Common Expression Language (CEL), or a limit
// that is ready-made, or both; then it rejects the transfer, holds it for
// compliance, or requires approvals.
//
// # Expressions
//
// An expression gives true or false. It sees:
//
//	transfer.rail, transfer.direction ("OUT" or "IN"), transfer.symbol,
//	transfer.kind ("cash", "crypto" or "security"), transfer.external_id,
//	transfer.requested_by                  string
//	transfer.quantity                      decimal
//	beneficiary.name, .account, .bank, .address, .network    string
//	account.id, account.client_id, account.type               string
//	holding.available, holding.total       decimal, of the transfer's symbol
//	sent.amount(h)                         decimal, left the account within h hours
//	sent.count(h)                          int, by so many transfers
//	now                                    timestamp, instance time
//
// and the standard functions and macros of CEL. Decimals are exact. They compare
// and combine by <, <=, >, >=, +, - and * with each other and, on the right, with
// integers, and by == and != with each other; decimal("0.25") and decimal(1) make
// them. Floating point numbers are refused. Two examples:
//
//	transfer.rail == "wire_international" && transfer.quantity > 50000
//	transfer.quantity > holding.total * decimal("0.5") || sent.count(24) > 10
//
// # Guarantees
//
// Compiled policies are immutable and safe for concurrent use. An expression reads
// no clock and nothing outside of what it is given, and its length, nesting and
// cost are bounded, so that it always ends, with the same result on any machine.
// One that fails all the same counts as true, see [sim.Condition].
package policy
