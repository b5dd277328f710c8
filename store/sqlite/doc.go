// Package sqlite keeps journals in SQLite files, one per instance. It is the
// embedded default: nothing to install, nothing to run beside the program.
//
// # Entry points
//
// [Open] opens or creates the file of one instance and returns its [Journal],
// which implements sim.Journal. [Drop] deletes the file. [OpenDesired] opens
// the document in which a supervisor keeps what should run.
//
// # Durability and fencing
//
// Files are in WAL mode. An append is one statement that inserts the batch only
// if the epoch is still the one that this journal claimed and the batch is the
// next; it returns after the disk has it. Projections do not wait for the disk:
// the same log holds both, so no append can be durable without the projections
// before it, and those that a power failure takes are made again from the
// journal.
//
// # Ownership
//
// Open holds a lock of the operating system on "<file>.lock" until Close or the
// end of the process, however that comes; a second process gets [ErrOwned].
// Copies of the file are as good as the file: the lock is only about who may
// open, the epoch is what keeps data safe.
//
// # Cost
//
// Connections are opened when they are needed and closed after half a minute
// without use, so an idle instance holds the lock and nothing else. Files are
// readable by their owner alone.
package sqlite
