// Package supervisor hosts many custodians in one process: it knows which
// instances should run, and keeps them so.
//
// Which instances should run comes from the configuration file and from the
// admin API; what the API added or stopped is kept in the storage, so that it
// survives the process. [Supervisor.Run] compares that with what runs and
// starts, restarts and drains just what differs.
//
// Each instance has a keeper, a goroutine that takes it through its states:
//
//	           ┌──────────────── backoff ────────────────┐
//	           ▼                                         │
//	pending ──► starting ──► running ──► (group ended) ──┤
//	   ▲           │          │   ▲                      │
//	   │           │       pause  resume                 ▼
//	   │           │          ▼   │                    failed
//	   │           │         paused
//	   │           ▼           │
//	   └─ start ─ drained ◄── draining
//
// Every start builds a fresh group of the instance's parts: engine, HTTP and
// gRPC servers, discovery heartbeat, event publisher. The first part to end
// ends the group; no panic leaves it. A group that ends unasked is started
// again after a backoff with jitter; failures add up while there is too little
// health in between, and after too many the instance is failed and says why. A
// store that is away is waited for however long it takes. An instance that
// another supervisor has taken over stays down, or stands by if so configured.
//
// A panic is a defect, and what state it left behind is not known. So one on any
// goroutine that works for an instance, those that libraries start included, ends
// and restarts that instance, and is logged once with its stack, told as the last
// error and counted. A handler's caller gets an internal error. There are three
// exceptions: what panics about a single webhook event is contained there, because
// a restart would meet the event again; a long operation fails by itself; and one
// in the keeper is tried again. Package guard starts all goroutines.
//
// A drain ends by its deadline: what hangs is cut off, and what was acknowledged is
// flushed in a part of the time that is kept for that. Closing connections to the
// store may take five seconds more. Streams end at once, after a whole event, and
// readers who have stopped reading are waited for two seconds.
//
// Ports are kept over the starts of an instance, and between two of them a
// stand-in answers "unavailable". Nothing that one instance does holds a lock
// that another needs.
package supervisor
