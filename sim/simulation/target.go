package simulation

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
)

// Trouble is what goes wrong with the store while a step is carried out.
type Trouble int

// The troubles.
const (
	NoTrouble Trouble = iota
	// AppendFails: the next append fails, and nothing of it is durable.
	AppendFails
	// AppendLost: the next append is durable, but its answer is lost.
	AppendLost
	// ProjectFails: the next projection fails.
	ProjectFails
	// StoreAway: the next append fails, and the store does not come back at once.
	StoreAway
)

// Target is a custodian that a history is run on. It gives every durable batch to
// its auditor, then the answers, and returns the first error: of the auditor, or
// of the custodian itself. After an error it is of no use.
type Target interface {
	// Auditor returns the books beside.
	Auditor() *auditor.Auditor
	// Ask carries out requests, one behind the other. Luck decides what else is
	// left to chance.
	Ask(requests []sim.Request, trouble Trouble, luck uint64) error
	// Restart ends the custodian, in the middle of everything or in good order,
	// and starts it again on what is durable.
	Restart(crash bool, luck uint64) error
	// Finish ends the custodian and returns the digest of its state. It checks that
	// a replay of the whole journal comes to the same.
	Finish() (sim.Digest, error)
	// Journal returns the hash of the last durable batch.
	Journal() sim.Digest
}
