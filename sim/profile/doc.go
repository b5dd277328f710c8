// Package profile says what makes one custodian different from another: when
// its settlements and transfers take place, what they cost, what goes wrong and
// who has to approve.
//
// A [Profile] is plain data. [Builtin] returns the ones that the program brings
// along, [Names] lists them, [Profile.Override] changes some of it and
// [Profile.Validate] finds everything that is wrong with the result.
// [Profile.Resolve] turns it into [Resolved] rules, in which calendars and time
// zones are looked up once and for all: value dates, cut-offs, fees and
// approvals for the engine to follow.
//
// # Value dates and cut-offs
//
// A [Schedule] is a calendar, a cut-off and a settlement cycle. Days are those of
// the calendar's time zone; the cut-off may be in another. What comes in before
// the cut-off of a business day belongs to that day, everything else to the next
// business day whose cut-off is still to come. An instant on the cut-off itself is
// late, so that a timer that ends the day at that instant and a request in the
// same instant agree. A day that closes early has its cut-off then, if that comes
// first.
//
// # Guarantees
//
// Resolved rules are immutable and safe for concurrent use. The package reads no
// clock and draws no randomness; rates are probabilities for the caller's own
// generator. Amounts and rates are exact decimals.
package profile
