// Package sim is the custodian itself: a deterministic state machine that
// holds a trading firm's assets and settles its trades.
//
// A [Command] is decided against a [State] and becomes [Event] values or an
// [Error]; state changes only by applying events. Every event carries the
// records that it changed as they are after it, and the [Posting] values that
// explain the change, so replaying events needs no rule of the domain and
// every step can be checked against double entry.
//
// The package is pure: it reads no clock, opens no connection and draws no
// randomness of its own. Time comes in with the command, identifiers come from
// a [Generator] whose state travels in the journal. The same seed and the same
// commands at the same times give the same bytes.
//
// What the custodian needs from outside is declared here as small interfaces:
// [Journal], [Metrics], [Clock]. Package engine runs a State as the single
// writer of one instance.
package sim
