package config

import (
	"errors"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// Reconciliation says when the books are compared with those of the depository
// and the correspondent banks, and what difference is accepted.
type Reconciliation struct {
	// Interval is the instance time between two reconciliations. If it is not given,
	// there is one only when it is asked for.
	Interval Duration `koanf:"interval" json:"interval,omitempty" range:"1m..8760h"`
	// Tolerance is the largest difference that is accepted.
	Tolerance Tolerance `koanf:"tolerance" json:"tolerance,omitzero"`
	// KeepDays is for how many days results are kept.
	KeepDays int `koanf:"keep_days" json:"keep_days,omitempty" range:"1..3650"`
}

// Tolerance is the largest difference that is accepted, by kind of asset.
type Tolerance struct {
	// Cash is for currencies, in their own units.
	Cash Decimal `koanf:"cash" json:"cash,omitempty"`
	// Security is for securities, in their own units.
	Security Decimal `koanf:"security" json:"security,omitempty"`
	// Crypto is for crypto-assets, in their own units.
	Crypto Decimal `koanf:"crypto" json:"crypto,omitempty"`
}

func (t Tolerance) byKind() map[asset.Kind]Decimal {
	return map[asset.Kind]Decimal{asset.Cash: t.Cash, asset.Security: t.Security, asset.Crypto: t.Crypto}
}

// Rules returns r as the books take it.
func (r Reconciliation) Rules() (sim.ReconciliationRules, error) {
	out := sim.ReconciliationRules{Interval: r.Interval.Std(), KeepDays: r.KeepDays, Tolerance: make(map[asset.Kind]money.Amount)}
	for kind, text := range r.Tolerance.byKind() {
		if text == "" {
			continue
		}
		amount, err := money.Parse(string(text))
		if err != nil {
			return out, fmt.Errorf("reconciliation.tolerance.%s: %w", kind, err)
		}
		out.Tolerance[kind] = amount
	}
	return out, nil
}

// reconciliation checks what the shapes of the keys do not tell.
func (k *checker) reconciliation(path string, given Settings) {
	for kind, text := range given.Reconciliation.Tolerance.byKind() {
		if amount, err := money.Parse(string(text)); text != "" && err == nil && amount.Sign() < 0 {
			k.add(join(path, "reconciliation.tolerance."+string(kind)), "must not be negative", "")
		}
	}
}

// Command returns the command with which the books of a new instance begin, and
// whether there is one: a real clock needs none.
func (c Clock) Command() (sim.SetClock, bool) {
	mode := sim.ClockMode(c.Mode)
	return sim.SetClock{Mode: mode, Factor: c.Factor, Instant: c.Now.Time()}, mode != "" && mode != sim.ClockReal
}

// The earliest and latest year with which an instance's time may begin: after
// identifiers have a time, and with some left before it ends.
const (
	firstYear = 1970
	lastYear  = 9000
)

func (k *checker) clock(path string, given, resolved Settings) {
	if given.Clock == (Clock{}) {
		return
	}
	c, path := resolved.Clock, join(path, "clock.")
	mode := sim.ClockMode(c.Mode)
	switch {
	case mode == sim.ClockScaled && c.Factor == 0:
		k.add(path+"factor", "is required for a scaled clock", fmt.Sprintf("1 to %d", sim.MaxClockFactor))
	case mode != sim.ClockScaled && c.Factor != 0:
		k.add(path+"factor", "belongs to a scaled clock; this one is "+c.Mode, "")
	}
	if c.Now == "" {
		return
	}
	if mode == sim.ClockReal {
		k.add(path+"now", "cannot be set on a real clock; set mode to scaled or manual", "")
	}
	if year := c.Now.Time().UTC().Year(); year < firstYear || year > lastYear {
		k.add(path+"now", fmt.Sprintf("is in the year %d", year), fmt.Sprintf("years from %d to %d", firstYear, lastYear))
	}
}

// policies compiles the policies that are given, and reports what is wrong.
func (k *checker) policies(path string, given Settings) {
	_, err := policy.Compile(given.Policies)
	for _, problem := range problemsOf(err) {
		k.suggest(join(path, problem.Field), problem.Message, problem.Allowed, problem.Suggestion)
	}
}

// problemsOf takes joined problems apart.
func problemsOf(err error) []profile.Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []profile.Problem
		for _, one := range joined.Unwrap() {
			out = append(out, problemsOf(one)...)
		}
		return out
	}
	if p, ok := errors.AsType[profile.Problem](err); ok {
		return []profile.Problem{p}
	}
	return nil
}
