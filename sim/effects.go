package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// matter is what fault rules are matched against: a settlement or a transfer.
type matter struct {
	// rail is empty for settlements that travel on none, settlementType for transfers.
	rail           string
	settlementType SettlementType
	account        string
	symbol         string
	amount         money.Amount
}

// effects are what the active fault rules do to one matter.
type effects struct {
	// delay is added before the matter goes on.
	delay time.Duration
	// rejectCode and rejectReason refuse it; empty for no refusal.
	rejectCode   string
	rejectReason string
	// partial is the share, above zero and below one, that settles; zero for no effect.
	partial money.Amount
	// approvalFactor multiplies the delays of simulated approvers; zero for no effect.
	approvalFactor int64
	// holiday reports that the present day is no business day for the matter.
	holiday bool
}
