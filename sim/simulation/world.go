package simulation

import (
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// World is the custodian that a seed makes.
type World struct {
	Seed    uint64
	Profile profile.Profile
	Rules   sim.Rules
	// Start is the instance time at which the history begins.
	Start time.Time
	// Opening are the commands that the books begin with. The first makes the
	// clock manual.
	Opening []sim.Command
	// Clocks reports that the clock may be real or scaled at times, too.
	Clocks bool
}

// Instance is the name under which simulated instances run.
const Instance = "simulation"

// starts are instance times with something behind them: a weekend, both changes
// of the hour, a holiday, the end of a year and of the calendars' data.
var starts = []time.Time{
	time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC), time.Date(2026, 3, 6, 15, 0, 0, 0, time.UTC),
	time.Date(2026, 10, 30, 18, 59, 59, 0, time.UTC), time.Date(2027, 7, 1, 20, 0, 0, 0, time.UTC),
	time.Date(2026, 12, 30, 9, 0, 0, 0, time.UTC), time.Date(2028, 2, 28, 23, 59, 59, 0, time.UTC),
	time.Date(2030, 12, 16, 12, 0, 0, 0, time.UTC), time.Date(2027, 3, 25, 7, 0, 0, 0, time.UTC),
}

var (
	accounts   = []string{"fund-a", "fund-b", "fund-c", "broker", "desk", "pension"}
	securities = []string{"AAPL", "VOD-GBP", "BOND"}
	coins      = []string{"BTC", "ETH", "USDC"}
	currencies = []string{"USD", "EUR", "JPY"}
)

func isCurrency(symbol string) bool { return slices.Contains(currencies, symbol) }

// decimalsOf returns the minor unit of a symbol.
func (w *World) decimalsOf(symbol string) int { return w.Rules.Assets.Lookup(symbol).Decimals }

// NewWorld makes the custodian of a seed.
func NewWorld(seed uint64) *World {
	d := newDice(seed, -1)
	w := &World{Seed: seed, Start: pick(d, starts...), Clocks: d.in(3)}
	w.Profile, _ = profile.Builtin(pick(d, profile.Names()...))
	if !d.in(4) {
		override(d, &w.Profile)
	}
	resolved, err := w.Profile.Resolve()
	if err != nil {
		panic(err) // what is drawn is within the bounds
	}
	w.Rules = sim.Rules{
		Assets:   asset.NewRegistry(asset.Asset{Symbol: "BOND", Kind: asset.Security, Decimals: 2}),
		AutoOpen: !d.in(4), MaxAccounts: 8 + d.IntN(8), MaxHoldings: 40 + d.IntN(100),
		MaxOpenSettlements: pick(d, 10, 50, 500), MaxOpenTransfers: pick(d, 0, 5, 40),
		Profile: resolved, Policies: policies(d),
	}
	if d.in(2) {
		w.Rules.Reconciliation = sim.ReconciliationRules{
			Interval: pick(d, 5*time.Minute, time.Hour, 24*time.Hour), KeepDays: d.IntN(3),
			Tolerance: map[asset.Kind]money.Amount{asset.Cash: decimal(5, 0), asset.Security: share(50)},
		}
	}
	w.Opening = append(w.Opening, sim.SetClock{Mode: sim.ClockManual, Instant: w.Start})
	for _, id := range accounts[:3+d.IntN(4)] {
		w.Opening = append(w.Opening, sim.OpenAccount{AccountID: id})
		for _, symbol := range []string{"AAPL", "USD", "BTC", "BOND", "EUR", "JPY"} {
			w.Opening = append(w.Opening, sim.OpenHolding{AccountID: id, Symbol: symbol, Cash: isCurrency(symbol), Available: decimal(int64(d.IntN(20_000)), 0)})
		}
	}
	return w
}

// override makes a profile one of the many that an instance may be given, in
// which more goes wrong than in any that the program brings along.
func override(d *dice, p *profile.Profile) {
	hour := calendar.TimeOfDay(3600)
	s := &p.Settlement
	s.Partial, s.Retention, s.PenaltyRate = !d.in(3), d.IntN(6), share(d.IntN(3))
	s.Counterparty.MatchRate = share(40 + d.IntN(61))
	if p.Name != profile.Instant {
		s.Cycle = d.IntN(4)
		s.ProcessingTime = profile.Duration(pick(d, 0, 5*time.Minute, 2*time.Hour, 2*time.Hour))
		s.Counterparty.AffirmDelay = profile.Duration(pick(d, 0, 10*time.Minute, 30*time.Hour))
		s.Counterparty.ConfirmDelay = profile.Duration(pick(d, 0, time.Minute, 3*time.Hour))
		s.Calendar = pick(d, calendar.Names()...)
		if s.TimeZone = pick(d, "", "America/New_York", "Europe/London"); s.Calendar == "24X7" {
			s.TimeZone = pick(d, "", "Asia/Tokyo", "America/New_York")
		}
		s.CutOff = pick(d, 12*hour, 15*hour+1, 18*hour, calendar.EndOfDay)
		s.CheckInterval = profile.Duration(pick(d, time.Second, 10*time.Minute, 2*time.Hour))
	}
	if d.in(3) {
		s.Counterparty.Rules = []profile.CounterpartyRule{
			{Symbol: "BOND", Reason: "DQUA"}, {BIC: "DEUTDEFF", Delay: profile.Duration(time.Hour)},
		}
	}
	for _, name := range profile.RailNames() {
		rail, offered := p.Rails[name]
		if !offered {
			continue
		}
		rail.DropRate, rail.Fee = share(d.IntN(25)), profile.Fee{Fixed: share(d.IntN(3)), Rate: share(d.IntN(2)), Max: decimal(int64(d.IntN(2)), 0)}
		rail.ProcessingTime = profile.Duration(pick(d, 0, time.Minute, 5*time.Hour))
		if rail.Confirmations > 0 || (name == profile.CryptoExternal && d.in(2)) {
			rail.Confirmations, rail.BlockInterval = 1+d.IntN(4), profile.Duration(10*time.Minute)
			rail.ReorgRate = share(d.IntN(40))
		}
		if rail.Confirmations == 0 && d.in(2) {
			rail.ReturnRate, rail.ReturnWindow = share(d.IntN(60)), 1+d.IntN(3)
		}
		if p.Name != profile.Instant {
			rail.Cycle, rail.CutOff = d.IntN(3), pick(d, 11*hour, 17*hour, calendar.EndOfDay)
		}
		p.Rails[name] = rail
	}
	a := &p.Approvals
	a.RequiredOut, a.RequiredIn = !d.in(3), d.in(4)
	a.Tiers = []profile.Tier{{Below: decimal(50, 0), Required: d.IntN(2)}, {Below: decimal(1000, 0), Required: 1}, {Required: 2 + d.IntN(2)}}
	a.Timeout = profile.Duration(pick(d, time.Minute, 3*time.Hour, 48*time.Hour))
	if d.in(2) {
		a.Simulated = profile.SimulatedApprovers{
			Enabled: true, Delay: profile.Duration(pick(d, 0, 20*time.Minute)), NightFactor: 1 + d.IntN(5), WeekendFactor: 1 + d.IntN(5),
			NightFrom: 20 * hour, NightUntil: 7 * hour, TimeZone: "America/New_York", RejectRate: share(d.IntN(30)),
			Names: []string{"ann", "ben", "cem", "dee", "eva", "fay"},
		}
	}
}

// policies draws the policies of a custodian, in most cases none.
func policies(d *dice) []sim.Policy {
	if d.in(2) {
		return nil
	}
	return []sim.Policy{
		{Name: "often", Velocity: &sim.VelocityLimit{Hours: 24, MaxCount: 20}, Then: sim.PolicyReject},
		{Name: "much", Velocity: &sim.VelocityLimit{Hours: 2, MaxAmount: decimal(2000, 0)}, Then: sim.PolicyHold},
		{Name: "known", Whitelist: sim.NewWhitelist([]string{"outside", "fund-b"}, []string{"bc1q"}), Then: sim.PolicyRequire, Approvals: 1},
		{Name: "most", Concentration: &sim.ConcentrationLimit{MaxShare: share(50)}, Then: sim.PolicyRequire, Approvals: 2},
	}
}
