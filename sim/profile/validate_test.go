package profile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestValidateNamesFieldValueAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	rail := func(name string, change func(*profile.Rail)) func(*profile.Profile) {
		return func(p *profile.Profile) {
			r := p.Rails[name]
			change(&r)
			p.Rails[name] = r
		}
	}
	rule := func(r profile.CounterpartyRule) func(*profile.Profile) {
		return func(p *profile.Profile) {
			p.Settlement.Counterparty.Rules = append(p.Settlement.Counterparty.Rules, r)
		}
	}
	for name, c := range map[string]struct {
		change func(*profile.Profile)
		want   string
	}{
		"no name":                       {func(p *profile.Profile) { p.Name = "" }, `name: is missing`},
		"a name without end":            {func(p *profile.Profile) { p.Name = strings.Repeat("x", 101) }, `name: is too long; allowed: at most 100 characters`},
		"a name that is no text":        {func(p *profile.Profile) { p.Name = "\xff" }, `name: must be valid text`},
		"an unknown calendar":           {func(p *profile.Profile) { p.Settlement.Calendar = "NYES" }, `settlement.calendar: there is no calendar "NYES"; allowed: 24X7, FEDWIRE, NYSE, SIFMA, T2; did you mean NYSE?`},
		"an unknown calendar like none": {func(p *profile.Profile) { p.Settlement.Calendar = "Mars" }, `there is no calendar "Mars"; allowed: 24X7, FEDWIRE, NYSE, SIFMA, T2`},
		"no calendar":                   {rail("wire_domestic", func(r *profile.Rail) { r.Calendar = "" }), `rails.wire_domestic.calendar: there is no calendar ""`},
		"a mistyped calendar":           {rail("wire_domestic", func(r *profile.Rail) { r.Calendar = "fedwires" }), `did you mean FEDWIRE?`},
		"an unknown time zone":          {func(p *profile.Profile) { p.Settlement.TimeZone = "America/New_Yrok" }, `settlement.time_zone: there is no time zone "America/New_Yrok"; allowed: a name of the IANA`},
		"the time zone of the machine":  {rail("ach_transfer", func(r *profile.Rail) { r.TimeZone = "Local" }), `rails.ach_transfer.time_zone: there is no time zone "Local"`},
		"a cut-off before its day": {func(p *profile.Profile) {
			p.Settlement.Calendar, p.Settlement.TimeZone, p.Settlement.CutOff = "NYSE", "Asia/Tokyo", 12*60*60
		}, `settlement.cut_off: 12:00 comes before the day of calendar NYSE has begun: nothing could settle; allowed: a time after 14:00 in Asia/Tokyo`},
		"a path for a time zone":        {func(p *profile.Profile) { p.Approvals.Simulated.TimeZone = "../etc/passwd" }, `approvals.simulated.time_zone: there is no time zone "../etc/passwd"`},
		"a negative cycle":              {func(p *profile.Profile) { p.Settlement.Cycle = -1 }, `settlement.cycle: -1 is out of range; allowed: 0 to 30`},
		"an endless cycle":              {rail("wire_domestic", func(r *profile.Rail) { r.Cycle = 31 }), `rails.wire_domestic.cycle: 31 is out of range; allowed: 0 to 30`},
		"a cut-off after midnight":      {func(p *profile.Profile) { p.Settlement.CutOff = 86401 }, `settlement.cut_off: 86401 seconds after midnight are no time of day; allowed: 00:00 to 24:00`},
		"a negative duration":           {func(p *profile.Profile) { p.Settlement.ProcessingTime = -1 }, `settlement.processing_time: -1ns is out of range; allowed: 0s to 720h`},
		"no check interval":             {func(p *profile.Profile) { p.Settlement.CheckInterval = 0 }, `settlement.check_interval: 0s is out of range; allowed: 1s to 168h`},
		"a rate above one":              {func(p *profile.Profile) { p.Settlement.PenaltyRate = amount("1.1") }, `settlement.penalty_rate: 1.1 is out of range; allowed: 0 to 1`},
		"a rate below zero":             {func(p *profile.Profile) { p.Settlement.Counterparty.MatchRate = amount("-0.1") }, `settlement.counterparty.match_rate: -0.1 is out of range; allowed: 0 to 1`},
		"a drop rate above one":         {rail("crypto_external", func(r *profile.Rail) { r.DropRate = amount("2") }), `rails.crypto_external.drop_rate: 2 is out of range; allowed: 0 to 1`},
		"a negative tolerance":          {func(p *profile.Profile) { p.Settlement.Matching.Small.Tolerance = amount("-2") }, `settlement.matching.small.tolerance: -2 is negative; allowed: zero or more`},
		"tiers turned around":           {func(p *profile.Profile) { p.Settlement.Matching.Tolerance = amount("1") }, `settlement.matching.small.tolerance: 2 is more than larger payments are granted; allowed: at most settlement.matching.tolerance, 1`},
		"a rule that does nothing":      {rule(profile.CounterpartyRule{Symbol: "AAPL"}), `settlement.counterparty.rules[0]: does nothing`},
		"an unknown reason":             {rule(profile.CounterpartyRule{Reason: "DMOM"}), `settlement.counterparty.rules[0].reason: "DMOM" is not available; allowed: CMIS, DDAT, DELN, DMON, DQUA, DSEC, DTRD, ICUS; did you mean DMON?`},
		"a BIC of the wrong length":     {rule(profile.CounterpartyRule{BIC: "DEUT", Reason: "DMON"}), `settlement.counterparty.rules[0].bic: "DEUT" is no BIC`},
		"a BIC in small letters":        {rule(profile.CounterpartyRule{BIC: "deutdeff", Reason: "DMON"}), `"deutdeff" is no BIC`},
		"a BIC of a country in digits":  {rule(profile.CounterpartyRule{BIC: "DEUT11FF", Reason: "DMON"}), `"DEUT11FF" is no BIC`},
		"quantities turned around":      {rule(profile.CounterpartyRule{MinQuantity: amount("5"), MaxQuantity: amount("4"), Reason: "DMON"}), `settlement.counterparty.rules[0].max_quantity: 4 is less than the smallest quantity; allowed: at least min_quantity, 5`},
		"an unknown rail":               {func(p *profile.Profile) { p.Rails["wire_domestik"] = p.Rails["wire_domestic"] }, `rails.wire_domestik: there is no rail "wire_domestik"; allowed: ach_transfer, crypto_external, crypto_internal, wire_domestic, wire_international; did you mean wire_domestic?`},
		"a rail for nothing":            {rail("wire_domestic", func(r *profile.Rail) { r.Kinds = nil }), `rails.wire_domestic.kinds: is empty`},
		"an unknown kind":               {rail("wire_domestic", func(r *profile.Rail) { r.Kinds = []asset.Kind{"cahs"} }), `rails.wire_domestic.kinds[0]: "cahs" is not available; allowed: cash, crypto, security; did you mean cash?`},
		"too many kinds":                {rail("wire_domestic", func(r *profile.Rail) { r.Kinds = make([]asset.Kind, 4) }), `rails.wire_domestic.kinds: has 4 entries; allowed: at most 3`},
		"confirmations that never come": {rail("crypto_external", func(r *profile.Rail) { r.BlockInterval = 0 }), `rails.crypto_external.block_interval: is missing; allowed: more than 0s`},
		"a reorganisation of no chain":  {rail("wire_domestic", func(r *profile.Rail) { r.ReorgRate = amount("0.1") }), `rails.wire_domestic.reorg_rate: 0.1 makes no sense without a chain`},
		"returns without a window":      {rail("ach_transfer", func(r *profile.Rail) { r.ReturnWindow = 0 }), `rails.ach_transfer.return_window: is missing; allowed: at least 1`},
		"a fee above its maximum":       {rail("wire_domestic", func(r *profile.Rail) { r.Fee.Max = amount("1") }), `rails.wire_domestic.fee.max: 1 is less than what is always taken; allowed: at least fee.fixed, 25`},
		"a negative fee":                {rail("wire_domestic", func(r *profile.Rail) { r.Fee.Fixed = amount("-1") }), `rails.wire_domestic.fee.fixed: -1 is negative`},
		"approvals without tiers":       {func(p *profile.Profile) { p.Approvals.Tiers = nil }, `approvals.tiers: is empty`},
		"a last tier with a bound":      {func(p *profile.Profile) { p.Approvals.Tiers = p.Approvals.Tiers[:2] }, `approvals.tiers[1].below: leaves amounts from 100000 on without a tier; allowed: no bound in the last tier`},
		"a tier without a bound":        {func(p *profile.Profile) { p.Approvals.Tiers[1].Below = amount("0") }, `approvals.tiers[1].below: is missing; allowed: more than 0 in all tiers but the last`},
		"tiers out of order":            {func(p *profile.Profile) { p.Approvals.Tiers[1].Below = amount("10000") }, `approvals.tiers[1].below: 10000 is out of order; allowed: more than that of the tier before, 10000`},
		"fewer approvals for more":      {func(p *profile.Profile) { p.Approvals.Tiers[2].Required = 1 }, `approvals.tiers[2].required: 1 is less than smaller amounts need; allowed: at least 2`},
		"too many approvals":            {func(p *profile.Profile) { p.Approvals.Tiers[3].Required = 21 }, `approvals.tiers[3].required: 21 is out of range; allowed: 0 to 20`},
		"no timeout":                    {func(p *profile.Profile) { p.Approvals.Timeout = 0 }, `approvals.timeout: 0s is out of range; allowed: 1s to 8760h`},
		"too few simulated approvers": {func(p *profile.Profile) {
			p.Approvals.Simulated.Enabled = true
			p.Approvals.Simulated.Names = []string{"a", "b"}
		}, `approvals.simulated.names: are 2 people, too few for the largest tier; allowed: at least 4`},
		"an approver twice":               {func(p *profile.Profile) { p.Approvals.Simulated.Names = []string{"a", "a"} }, `approvals.simulated.names[1]: "a" is there already`},
		"an approver without a name":      {func(p *profile.Profile) { p.Approvals.Simulated.Names = []string{""} }, `approvals.simulated.names[0]: is empty`},
		"an approver of too long a name":  {func(p *profile.Profile) { p.Approvals.Simulated.Names = []string{strings.Repeat("a", 101)} }, `approvals.simulated.names[0]: is too long`},
		"a night that is far too long":    {func(p *profile.Profile) { p.Approvals.Simulated.NightFactor = 101 }, `approvals.simulated.night_factor: 101 is out of range; allowed: 1 to 100`},
		"a simulated approver's mischief": {func(p *profile.Profile) { p.Approvals.Simulated.RejectRate = amount("7") }, `approvals.simulated.reject_rate: 7 is out of range; allowed: 0 to 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := builtin(t, profile.GlobalCustodian)
			c.change(&p)
			problems := p.Validate()
			found := false
			for _, problem := range problems {
				found = found || strings.HasPrefix(problem.Error(), c.want) || strings.Contains(problem.Error(), c.want)
			}
			if !found {
				t.Errorf("problems are %v, want %q", problems, c.want)
			}
			if _, err := p.Resolve(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("resolving fails with %v", err)
			} else if problem, ok := errors.AsType[profile.Problem](err); !ok || problem.Field == "" {
				t.Errorf("the error holds no problem: %v", err)
			}
		})
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	p := builtin(t, profile.GlobalCustodian)
	p.Name, p.Settlement.Calendar, p.Settlement.Cycle, p.Approvals.Timeout = "", "LSE", -1, 0
	p.Rails["telegram"] = profile.Rail{}
	fields := map[string]bool{}
	for _, problem := range p.Validate() {
		fields[problem.Field] = true
	}
	for _, field := range []string{"name", "settlement.calendar", "settlement.cycle", "approvals.timeout", "rails.telegram", "rails.telegram.calendar", "rails.telegram.kinds"} {
		if !fields[field] {
			t.Errorf("%s is not reported, only %v", field, fields)
		}
	}
}

func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	p := builtin(t, profile.Instant)
	p.Settlement.Counterparty.Rules = make([]profile.CounterpartyRule, 1000)
	if n := len(p.Validate()); n != 200 {
		t.Errorf("%d problems are reported", n)
	}
	p.Settlement.Counterparty.Rules = make([]profile.CounterpartyRule, 1001)
	if problem := p.Validate()[0]; problem.Field != "settlement.counterparty.rules" || problem.Value != "1001" {
		t.Errorf("the first problem is %v", problem)
	}
}

func TestOptionalFieldsMayBeLeftOut(t *testing.T) {
	t.Parallel()
	p := profile.Profile{
		Name:       "minimal",
		Settlement: profile.Settlement{Calendar: "t2", CutOff: 64800, CheckInterval: profile.Duration(time.Minute)},
		Approvals:  profile.Approvals{Timeout: profile.Duration(time.Hour)},
	}
	r := resolve(t, p)
	if zone := r.Settlement().Zone().String(); zone != "Europe/Berlin" {
		t.Errorf("the cut-off is in %s", zone)
	}
	if _, ok := r.Rail(profile.WireDomestic); ok || len(r.Rails()) != 0 || r.Name() != "minimal" {
		t.Errorf("%s has rails %v", r.Name(), r.Rails())
	}
}
