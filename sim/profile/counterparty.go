package profile

import "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"

// Counterparty describes the simulated outside world of a settlement: the
// counterparty that instructs the other leg and the depository that confirms.
type Counterparty struct {
	// AffirmDelay is how long the counterparty takes to instruct.
	AffirmDelay Duration `koanf:"affirm_delay" json:"affirm_delay" range:"0s..720h"`
	// MatchRate is the probability that what it instructs matches.
	MatchRate money.Amount `koanf:"match_rate" json:"match_rate" range:"0..1"`
	// ConfirmDelay is how long the depository takes to confirm a settlement.
	ConfirmDelay Duration `koanf:"confirm_delay" json:"confirm_delay" range:"0s..720h"`
	// Rules are exceptions to the above. The first that fits decides.
	Rules []CounterpartyRule `koanf:"rules" json:"rules,omitempty" len:"1000"`
}

// CounterpartyRule says what happens to instructions of a kind: they stay
// unmatched for a reason, or they match late.
type CounterpartyRule struct {
	// Symbol is the security that the rule is for; empty fits all.
	Symbol string `koanf:"symbol" json:"symbol,omitempty" len:"50"`
	// BIC is the counterparty's ISO 9362 identifier; empty fits all.
	BIC string `koanf:"bic" json:"bic,omitempty" len:"11"`
	// MinQuantity is the smallest quantity that the rule is for.
	MinQuantity money.Amount `koanf:"min_quantity" json:"min_quantity,omitzero"`
	// MaxQuantity is the largest quantity that the rule is for; zero is no bound.
	MaxQuantity money.Amount `koanf:"max_quantity" json:"max_quantity,omitzero"`
	// Reason is the ISO 20022 unmatched reason with which the instruction stays
	// unmatched; empty where it matches.
	Reason string `koanf:"reason" json:"reason,omitempty" oneof:"CMIS DDAT DELN DMON DQUA DSEC DTRD ICUS"`
	// Delay comes on top of AffirmDelay.
	Delay Duration `koanf:"delay" json:"delay,omitzero" range:"0s..720h"`
}

// Rule returns the first rule that fits an instruction.
func (c *Counterparty) Rule(symbol, bic string, quantity money.Amount) (*CounterpartyRule, bool) {
	for i := range c.Rules {
		if r := &c.Rules[i]; r.fits(symbol, bic, quantity) {
			return r, true
		}
	}
	return nil, false
}

func (r *CounterpartyRule) fits(symbol, bic string, quantity money.Amount) bool {
	return (r.Symbol == "" || r.Symbol == symbol) && (r.BIC == "" || r.BIC == bic) &&
		!quantity.Less(r.MinQuantity) && (r.MaxQuantity.IsZero() || !r.MaxQuantity.Less(quantity))
}
