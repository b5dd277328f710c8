// Package simulation drives a custodian through random histories that one seed
// decides, with the independent books of package auditor beside it.
//
// A seed makes everything: the profile and its overrides, the rules and policies,
// the books at the beginning and where time begins, and then one step after
// another: instructions that match and that do not, transfers, approvals, holds,
// cancels and reversals, locks, frozen accounts, corporate actions, faults on
// purpose, clocks that go on over weekends, holidays and changes of the hour,
// retries, appends that fail before or after the disk had them, crashes and
// restarts. After every batch the auditor checks it.
//
// # Entry points
//
// [Run] runs one seed on a [Target]: [NewBooks] makes the fast one, a bare
// sim.State with a journal in memory; [NewServed] one that goes through
// engine.Engine and any journal. [Failure] says how a history went wrong and how
// to see it again, and [Shrink] looks for a shorter one.
//
// The same seed gives the same history, to the byte of the journal. No product
// code depends on this package.
package simulation
