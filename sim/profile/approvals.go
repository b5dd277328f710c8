package profile

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Approvals say how many people have to approve a transfer.
type Approvals struct {
	// RequiredOut says whether transfers out of the custodian need approvals at all.
	RequiredOut bool `koanf:"required_out" json:"required_out"`
	// RequiredIn says whether transfers into the custodian do.
	RequiredIn bool `koanf:"required_in" json:"required_in"`
	// Tiers give the number by amount, in rising order. The last has no bound.
	Tiers []Tier `koanf:"tiers" json:"tiers,omitempty" len:"20"`
	// Timeout is after how long a transfer that still lacks approvals expires.
	Timeout Duration `koanf:"timeout" json:"timeout" range:"1s..8760h"`
	// Simulated approve on their own, as people would.
	Simulated SimulatedApprovers `koanf:"simulated" json:"simulated"`
}

// Tier is a range of amounts.
type Tier struct {
	// Below is the smallest amount above the tier, which is not part of it. Zero
	// is no bound, for the last tier.
	Below money.Amount `koanf:"below" json:"below,omitzero"`
	// Required is how many approvals amounts of this tier need.
	Required int `koanf:"required" json:"required" range:"0..20"`
}

// SimulatedApprovers approve on their own, as people would: after a while, slower
// at night and on weekends, and not always.
type SimulatedApprovers struct {
	// Enabled has them answer; otherwise callers do.
	Enabled bool `koanf:"enabled" json:"enabled"`
	// Delay is what one approval takes in working hours.
	Delay Duration `koanf:"delay" json:"delay,omitzero" range:"0s..168h"`
	// NightFactor multiplies Delay for requests that come in at night; on a weekend's
	// night WeekendFactor does so, too. Zero is 1.
	NightFactor int `koanf:"night_factor" json:"night_factor,omitempty" range:"1..100"`
	// WeekendFactor multiplies Delay for requests that come in on a weekend. Zero is
	// 1.
	WeekendFactor int `koanf:"weekend_factor" json:"weekend_factor,omitempty" range:"1..100"`
	// NightFrom is when the night begins in TimeZone.
	NightFrom calendar.TimeOfDay `koanf:"night_from" json:"night_from"`
	// NightUntil is when the night ends; if it is NightFrom, there is none.
	NightUntil calendar.TimeOfDay `koanf:"night_until" json:"night_until"`
	// TimeZone is where the approvers live, a name of the IANA database.
	TimeZone string `koanf:"time_zone" json:"time_zone,omitempty" len:"100"`
	// RejectRate is the probability that an approver rejects.
	RejectRate money.Amount `koanf:"reject_rate" json:"reject_rate,omitzero" range:"0..1"`
	// Names are those of the approvers, who answer in this order.
	Names []string `koanf:"names" json:"names,omitempty" len:"100"`
}

// Required returns how many approvals a transfer of an amount needs, out of the
// custodian or into it.
func (a *Approvals) Required(out bool, amount money.Amount) int {
	if (out && !a.RequiredOut) || (!out && !a.RequiredIn) {
		return 0
	}
	for i := range a.Tiers {
		if t := &a.Tiers[i]; t.Below.IsZero() || amount.Less(t.Below) {
			return t.Required
		}
	}
	return 0
}
