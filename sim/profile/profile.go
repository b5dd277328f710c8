package profile

import (
	"maps"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Profile describes a custodian. The tags name its fields in configuration files
// and bound them: range for numbers, amounts and durations, oneof for words, len
// for the most characters or elements.
//
// A Profile holds maps and lists, so a copy shares them: see [Profile.Clone].
type Profile struct {
	// Name tells profiles apart, in messages and views.
	Name string `koanf:"name" json:"name" len:"100"`
	// Settlement describes how instructions settle.
	Settlement Settlement `koanf:"settlement" json:"settlement"`
	// Rails are the ways in which transfers leave and arrive, by the names of
	// [RailNames]. A rail that is missing is not on offer.
	Rails Rails `koanf:"rails" json:"rails"`
	// Approvals say how many people have to approve a transfer.
	Approvals Approvals `koanf:"approvals" json:"approvals"`
}

// Settlement describes how instructions settle.
type Settlement struct {
	// Calendar names the business days, see [calendar.Names].
	Calendar string `koanf:"calendar" json:"calendar" len:"100"`
	// TimeZone is the zone of the cut-off, a name of the IANA database. Empty is
	// that of the calendar.
	TimeZone string `koanf:"time_zone" json:"time_zone,omitempty" len:"100"`
	// CutOff is when a business day ends for instructions and settlement.
	CutOff calendar.TimeOfDay `koanf:"cut_off" json:"cut_off"`
	// Cycle is n in T+n, in business days: the value date of instructions that
	// name none.
	Cycle int `koanf:"cycle" json:"cycle" range:"0..30"`
	// Matching says by how much the cash of two instructions may differ.
	Matching Matching `koanf:"matching" json:"matching"`
	// Counterparty is the simulated outside world.
	Counterparty Counterparty `koanf:"counterparty" json:"counterparty"`
	// ProcessingTime passes between reservation and settlement.
	ProcessingTime Duration `koanf:"processing_time" json:"processing_time" range:"0s..720h"`
	// Retention is for how many business days after its value date an
	// instruction may fail to settle before the system cancels it.
	Retention int `koanf:"retention" json:"retention" range:"0..365"`
	// PenaltyRate is what a failing instruction costs per day, as a fraction of
	// its cash amount: 0.0001 is one basis point.
	PenaltyRate money.Amount `koanf:"penalty_rate" json:"penalty_rate" range:"0..1"`
	// Partial says whether the custodian settles in parts.
	Partial bool `koanf:"partial" json:"partial"`
	// CheckInterval is how often a pending instruction is tried again on its
	// value date. Events that may help try it at once.
	CheckInterval Duration `koanf:"check_interval" json:"check_interval" range:"1s..168h"`
}

// Matching says by how much the cash of two instructions may differ for them to
// match. As in T2S there are two tiers by size; the amounts count in the
// payment's own currency.
type Matching struct {
	// Small is the tier of payments up to a limit.
	Small SmallPayments `koanf:"small" json:"small"`
	// Tolerance is the largest difference between payments above Small.Limit.
	Tolerance money.Amount `koanf:"tolerance" json:"tolerance"`
}

// SmallPayments is the tier of payments up to a limit.
type SmallPayments struct {
	// Limit is the largest payment that is small.
	Limit money.Amount `koanf:"limit" json:"limit"`
	// Tolerance is the largest difference between small payments.
	Tolerance money.Amount `koanf:"tolerance" json:"tolerance"`
}

// Agree reports whether two payments differ by no more than is tolerated. The
// smaller of them decides on the tier, so their order says nothing.
func (m Matching) Agree(a, b money.Amount) bool {
	if b.Less(a) {
		a, b = b, a
	}
	tolerance := m.Tolerance
	if !m.Small.Limit.Less(a) {
		tolerance = m.Small.Tolerance
	}
	return !tolerance.Less(b.Sub(a))
}

// Clone returns a copy that shares nothing with p.
func (p Profile) Clone() Profile {
	p.Settlement.Counterparty.Rules = slices.Clone(p.Settlement.Counterparty.Rules)
	p.Rails = maps.Clone(p.Rails)
	for name, rail := range p.Rails {
		rail.Kinds = slices.Clone(rail.Kinds)
		p.Rails[name] = rail
	}
	p.Approvals.Tiers = slices.Clone(p.Approvals.Tiers)
	p.Approvals.Simulated.Names = slices.Clone(p.Approvals.Simulated.Names)
	return p
}
