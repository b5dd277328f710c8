// Package postgres keeps journals in PostgreSQL 14 or newer. It is the
// production store.
//
// # Entry points
//
// [Open] connects to one database and returns a [Server], of which a process
// has one per distinct URL. [Server.Journal] creates or migrates the schema of
// one instance and returns its [Journal], which implements sim.Journal.
// [Server.Own] takes the advisory lock that says which process runs an
// instance, and [Server.Desired] keeps a supervisor's document.
//
// # Durability and fencing
//
// An append is one statement in one round trip: it moves the instance's head
// from the expected epoch and sequence number to the next, and only if that
// succeeds inserts the batch. Loading raises the epoch under the same row
// lock, so a writer that was shut out finds nothing to move and gets
// sim.ErrLostOwnership. The projected place is guarded in the same way, so a
// projection can neither be applied twice nor by a writer of the past.
//
// Under a [Lease] books are loaded, dropped and replaced only while the server
// knows the session that holds its lock, which the same message to the server
// checks. So a process that was stopped while another one took over cannot claim
// the books back. The server ends the session of a process that falls silent.
//
// Projections are committed without waiting for the disk: they can be made
// again from the journal, and the write-ahead log never holds a later append
// without the projections before it.
//
// # Connections
//
// Each journal has its own pool, which holds nothing while the instance is
// idle. All connections of a server, or of several that share a [Budget], are
// counted against one budget; a pool
// that wants one beyond it takes over one that another does not need, and
// waits for a bounded time.
//
// # Roles
//
// With [JournalOptions.Isolate] an instance works as a role of its own. It may
// use the tables of its schema as its work needs, and nothing else: schema and
// tables stay the server's role's, which migrates, copies and drops them as it
// always does. What is written once (journal, ledger, keys) it may only read and
// add to. The name is [RoleName], its comment says whose it is, and a role without
// that comment is never touched.
//
// Whoever opens a journal gives the role a new password, under the lease of the
// schema, and ends the sessions of the owner before. The password is nowhere but
// in memory, and the server is sent a SCRAM verifier alone, as data and not in a
// statement. A role that stays behind when an instance is stopped can be used by
// nobody. [Provision] is what an administrator does once for all of this.
//
// The catalogs stay readable, as they are to every role: names of schemas, tables
// and roles, and who is connected, but not what they run. So do means to be in the
// way of others in the same database: advisory locks, large objects of one's own,
// and load.
//
// All names are qualified with the schema and nothing depends on session
// state except ownership, so everything but [Options.LockURL] may point at
// PgBouncer in transaction mode, with default_query_exec_mode=exec in the URL.
package postgres
