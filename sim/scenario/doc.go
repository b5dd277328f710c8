// Package scenario runs scripts against a fresh custodian in manual time: an
// opening state, timed requests, and what is expected of answers, events and
// postings. Teams keep such scripts in their own continuous integration.
//
// [Parse] reads a script from YAML, strictly, with the line of every mistake.
// [Run] plays it against a [Custodian], which the caller starts: over HTTP or
// over gRPC, the answers are the same. Time moves only where a step says so, so
// that hours of settlement take milliseconds and every run is the same.
//
// # The script
//
//	name: deliver against payment in the house
//	custodian:                       # as an entry of instances: in the configuration
//	  profile: global-custodian
//	  clock: {mode: manual, now: "2026-11-23T09:00:00-05:00"}
//	  opening: {positions: [...], balances: [...]}
//	steps:
//	  - request: POST /api/v1/settlements
//	    body: {settlement_type: DVP, account_id: fund-a, ...}
//	    status: 201                  # any of 2xx where left out
//	    expect: {matching: {status: UNMATCHED, reason_code: CMIS}}
//	    save: {deliver: settlement_id}
//	    events: [settlement.acknowledged]
//	  - at: "2026-11-24T16:00:00-05:00"   # or after: 2h, or next_event: true
//	    request: GET /api/v1/settlements/${deliver}
//	    expect: {status: COMPLETED}
//	    postings:
//	      - 100 AAPL fund-a RESERVED -> fund-b AVAILABLE
//
// An expectation names what matters: an object needs the given members and may
// have others, a list needs the given elements and no others, a scalar is equal
// or, as ${name}, what was saved. [Match] tells the rest: $any, $absent, $not,
// $contains, $length. The keys events and postings compare what was caused since
// the step before, in order; "..." among them stands for any number of others. While
// a custodian is offline on purpose its events cannot be read: the first step after
// that compares all of them.
//
// A body is sent as JSON, or as it is where it is a text and the header Content-Type
// says that it is something else. An answer that is no JSON is a text.
package scenario
