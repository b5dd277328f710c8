package profile

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The names of the profiles that the program brings along.
const (
	// Instant settles everything at once: no cycle, no cut-off, no approvals.
	Instant = "instant"
	// CryptoCustodian never closes; its transfers wait for chains and approvals.
	CryptoCustodian = "crypto-custodian"
	// GlobalCustodian is a custody bank: T+1 securities, slow and careful cash.
	GlobalCustodian = "global-custodian"
	// PrimeBroker is a broker's custodian: later cut-offs, faster cash, settlement
	// in parts.
	PrimeBroker = "prime-broker"
)

// Names lists the profiles that [Builtin] knows in alphabetical order, for
// messages that say what is allowed.
func Names() []string { return []string{CryptoCustodian, GlobalCustodian, Instant, PrimeBroker} }

// Builtin returns a profile that the program brings along. The caller owns it.
func Builtin(name string) (Profile, bool) {
	switch name {
	case Instant:
		return instant(), true
	case CryptoCustodian:
		return cryptoCustodian(), true
	case GlobalCustodian:
		return globalCustodian(), true
	case PrimeBroker:
		return primeBroker(), true
	}
	return Profile{}, false
}

// Short forms for the tables below.
const (
	second  = Duration(time.Second)
	minute  = Duration(time.Minute)
	hour    = Duration(time.Hour)
	newYork = "America/New_York"
)

var amount = money.MustParse

// at returns a full time of day.
func at(hour, minute int) calendar.TimeOfDay {
	return calendar.TimeOfDay(hour*3600 + minute*60)
}

func cash() []asset.Kind   { return []asset.Kind{asset.Cash} }
func crypto() []asset.Kind { return []asset.Kind{asset.Crypto} }

// matching has the tolerances of T2S: 2 up to 100,000 and 25 above.
func matching() Matching {
	return Matching{Small: SmallPayments{Limit: amount("100000"), Tolerance: amount("2")}, Tolerance: amount("25")}
}

// tiers are the approvals of the domain: under 10,000 one, under 100,000 two,
// under 1,000,000 three, above four.
func tiers() []Tier {
	return []Tier{
		{Below: amount("10000"), Required: 1},
		{Below: amount("100000"), Required: 2},
		{Below: amount("1000000"), Required: 3},
		{Required: 4},
	}
}

func instant() Profile {
	rail := func(kinds ...asset.Kind) Rail {
		return Rail{Kinds: kinds, Calendar: "24X7", CutOff: calendar.EndOfDay}
	}
	return Profile{
		Name: Instant,
		Settlement: Settlement{
			Calendar: "24X7", CutOff: calendar.EndOfDay, Matching: matching(), Counterparty: Counterparty{MatchRate: one},
			Retention: 20, Partial: true, CheckInterval: minute,
		},
		Rails: Rails{
			CryptoInternal: rail(asset.Crypto), CryptoExternal: rail(asset.Crypto),
			WireDomestic: rail(asset.Cash), WireInternational: rail(asset.Cash), ACHTransfer: rail(asset.Cash),
		},
		Approvals: Approvals{Tiers: tiers(), Timeout: 24 * hour},
	}
}

func cryptoCustodian() Profile {
	return Profile{
		Name: CryptoCustodian,
		Settlement: Settlement{
			Calendar: "24X7", CutOff: calendar.EndOfDay, Matching: matching(),
			Counterparty:   Counterparty{AffirmDelay: 2 * minute, MatchRate: amount("0.99"), ConfirmDelay: 10 * minute},
			ProcessingTime: 2 * minute, Retention: 5, CheckInterval: 10 * minute,
		},
		Rails: Rails{
			CryptoInternal: {Kinds: crypto(), Calendar: "24X7", CutOff: calendar.EndOfDay, ProcessingTime: 2 * minute},
			CryptoExternal: {
				Kinds: crypto(), Calendar: "24X7", CutOff: calendar.EndOfDay, Cycle: 1, ProcessingTime: 15 * minute,
				Confirmations: 6, BlockInterval: 10 * minute, Fee: Fee{Fixed: amount("0.0001")},
				DropRate: amount("0.002"), ReorgRate: amount("0.0005"),
			},
			WireDomestic: wire("FEDWIRE", 2, at(16, 0), amount("15")),
		},
		Approvals: Approvals{
			RequiredOut: true, Tiers: tiers(), Timeout: 24 * hour,
			Simulated: approvers(20*minute, 3, 2, "UTC"),
		},
	}
}

func globalCustodian() Profile {
	return Profile{
		Name: GlobalCustodian,
		Settlement: Settlement{
			Calendar: "NYSE", TimeZone: newYork, CutOff: at(15, 0), Cycle: 1, Matching: matching(),
			Counterparty:   Counterparty{AffirmDelay: 2 * hour, MatchRate: amount("0.97"), ConfirmDelay: 30 * minute},
			ProcessingTime: 15 * minute, Retention: 20, PenaltyRate: amount("0.0001"), Partial: true, CheckInterval: 30 * minute,
		},
		Rails: Rails{
			CryptoInternal: {Kinds: crypto(), Calendar: "24X7", CutOff: calendar.EndOfDay, ProcessingTime: 5 * minute},
			CryptoExternal: {
				Kinds: crypto(), Calendar: "24X7", TimeZone: newYork, CutOff: at(17, 0), Cycle: 1, ProcessingTime: hour,
				Confirmations: 6, BlockInterval: 10 * minute, Fee: Fee{Fixed: amount("0.0002")},
				DropRate: amount("0.001"), ReorgRate: amount("0.0005"),
			},
			WireDomestic:      wire("FEDWIRE", 2, at(17, 0), amount("25")),
			WireInternational: wire("FEDWIRE", 3, at(15, 0), amount("45")),
			ACHTransfer:       ach(2),
		},
		Approvals: Approvals{RequiredOut: true, Tiers: tiers(), Timeout: 24 * hour, Simulated: SimulatedApprovers{TimeZone: newYork}},
	}
}

func primeBroker() Profile {
	return Profile{
		Name: PrimeBroker,
		Settlement: Settlement{
			Calendar: "NYSE", TimeZone: newYork, CutOff: at(15, 30), Cycle: 1, Matching: matching(),
			Counterparty:   Counterparty{AffirmDelay: 30 * minute, MatchRate: amount("0.99"), ConfirmDelay: 10 * minute},
			ProcessingTime: 5 * minute, Retention: 10, PenaltyRate: amount("0.0001"), Partial: true, CheckInterval: 10 * minute,
		},
		Rails: Rails{
			CryptoInternal: {Kinds: crypto(), Calendar: "24X7", CutOff: calendar.EndOfDay, ProcessingTime: 30 * second},
			CryptoExternal: {
				Kinds: crypto(), Calendar: "24X7", CutOff: calendar.EndOfDay, ProcessingTime: 10 * minute,
				Confirmations: 3, BlockInterval: 10 * minute, Fee: Fee{Fixed: amount("0.0001")},
				DropRate: amount("0.001"), ReorgRate: amount("0.001"),
			},
			WireDomestic: wire("FEDWIRE", 0, at(17, 30), amount("20")),
			WireInternational: Rail{
				Kinds: cash(), Calendar: "T2", TimeZone: "Europe/Berlin", CutOff: at(16, 0), Cycle: 1, ProcessingTime: hour,
				Fee: Fee{Rate: amount("0.0001"), Max: amount("50")},
			},
			ACHTransfer: ach(1),
		},
		Approvals: Approvals{
			RequiredOut: true, Tiers: tiers(), Timeout: 8 * hour,
			Simulated: approvers(5*minute, 6, 12, newYork),
		},
	}
}

// wire is a rail of bank transfers in New York.
func wire(days string, cycle int, cutOff calendar.TimeOfDay, fee money.Amount) Rail {
	return Rail{
		Kinds: cash(), Calendar: days, TimeZone: newYork, CutOff: cutOff, Cycle: cycle, ProcessingTime: 30 * minute, Fee: Fee{Fixed: fee},
	}
}

// ach is the automated clearing house: the last same-day window of FedACH closes
// at 16:45, and by Nacha's rules most returns come within two banking days.
func ach(cycle int) Rail {
	return Rail{
		Kinds: cash(), Calendar: "FEDWIRE", TimeZone: newYork, CutOff: at(16, 45), Cycle: cycle, ProcessingTime: 2 * hour,
		ReturnRate: amount("0.005"), ReturnWindow: 2,
	}
}

func approvers(delay Duration, night, weekend int, zone string) SimulatedApprovers {
	return SimulatedApprovers{
		Enabled: true, Delay: delay, NightFactor: night, WeekendFactor: weekend, NightFrom: at(20, 0), NightUntil: at(7, 0),
		TimeZone: zone, RejectRate: amount("0.01"),
		Names: []string{"approver-1", "approver-2", "approver-3", "approver-4", "approver-5"},
	}
}
