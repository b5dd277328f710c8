package profile_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestOverrideChangesWhatItNames(t *testing.T) {
	t.Parallel()
	base := builtin(t, profile.GlobalCustodian)
	before := written(t, base)
	p, err := base.Override([]byte(`{
		"name": "our-bank",
		"settlement": {"cut_off": "14:30", "cycle": 2, "matching": {"small": {"tolerance": "1.50"}}},
		"rails": {"wire_domestic": {"cut_off": "16:15:30", "fee": {"fixed": 12.5}}, "ach_transfer": null},
		"approvals": {"timeout": "36h", "tiers": [{"below": "5", "required": 1}, {"required": 2}]}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	if problems := p.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	wire, was := p.Rails[profile.WireDomestic], base.Rails[profile.WireDomestic]
	if wire.CutOff.String() != "16:15:30" || wire.Fee.Fixed.String() != "12.5" || wire.Cycle != was.Cycle || wire.Calendar != was.Calendar {
		t.Errorf("the wire is %+v", wire)
	}
	if _, ok := p.Rails[profile.ACHTransfer]; ok || len(p.Rails) != len(base.Rails)-1 {
		t.Errorf("rails are %v", p.Rails)
	}
	if s := p.Settlement; s.CutOff.String() != "14:30" || s.Cycle != 2 || s.Matching.Small.Tolerance.String() != "1.5" ||
		!s.Matching.Small.Limit.Equal(base.Settlement.Matching.Small.Limit) || s.Calendar != "NYSE" {
		t.Errorf("settlement is %+v", s)
	}
	if a := p.Approvals; p.Name != "our-bank" || a.Timeout.Std() != 36*time.Hour || len(a.Tiers) != 2 || !a.Tiers[1].Below.IsZero() || a.Tiers[1].Required != 2 {
		t.Errorf("%s has approvals %+v", p.Name, a)
	}
	if written(t, base) != before {
		t.Error("overriding changed the profile itself")
	}
}

func TestOverrideReplacesListsWhole(t *testing.T) {
	t.Parallel()
	base := builtin(t, profile.PrimeBroker)
	base.Settlement.Counterparty.Rules = []profile.CounterpartyRule{{Symbol: "AAPL", Reason: "DMON"}}
	for document, want := range map[string][4]int{ // rules, tiers, names, kinds of the wire
		`{"approvals": {"timeout": "1h"}, "rails": {"wire_domestic": {"cycle": 1}}}`:                                             {1, 4, 5, 1},
		`{"settlement": {"counterparty": {"rules": []}}, "approvals": {"tiers": [{"required": 0}], "simulated": {"names": []}}}`: {0, 1, 0, 1},
		`{"approvals": {"tiers": null, "simulated": null}, "rails": {"wire_domestic": {"kinds": ["cash", "security"]}}}`:         {1, 4, 5, 2},
	} {
		p, err := base.Override([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		got := [4]int{
			len(p.Settlement.Counterparty.Rules), len(p.Approvals.Tiers), len(p.Approvals.Simulated.Names), len(p.Rails[profile.WireDomestic].Kinds),
		}
		if got != want {
			t.Errorf("%s: rules, tiers, names and kinds are %v, want %v", document, got, want)
		}
	}
}

func TestOverrideRefusesWhatIsNoProfile(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		``:                                      "EOF",
		`[]`:                                    "cannot unmarshal array",
		`{"colour":"red"}`:                      `unknown field "colour"`,
		`{"rails":{"wire_domestic":{"a":1}}}`:   `rails.wire_domestic: json: unknown field "a"`,
		`{"rails":[]}`:                          "cannot unmarshal array",
		`{"settlement":{"cycle":"2"}}`:          "cannot unmarshal string",
		`{"settlement":{"cut_off":"4pm"}}`:      "not a time of day",
		`{"settlement":{"penalty_rate":"1e3"}}`: "not a decimal number",
		`{"approvals":{"timeout":"24"}}`:        "must be a duration with a unit",
		`{} {}`:                                 "nothing after it",
	} {
		if _, err := builtin(t, profile.Instant).Override([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", document, err, want)
		}
	}
}

func TestProfilesReadBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, name := range profile.Names() {
		text := written(t, builtin(t, name))
		var p profile.Profile
		if err := json.Unmarshal([]byte(text), &p); err != nil || written(t, p) != text {
			t.Errorf("%s reads back as %s, %v", name, written(t, p), err)
		}
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"24h": "24h", "90s": "1m30s", "60m": "1h", "500ms": "500ms", "0s": "0s", "1h0m5s": "1h0m5s"} {
		var d profile.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s is written as %s, %v", text, d, err)
		}
	}
}

func FuzzOverride(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"rails":null}`, `{"rails":{"x":null}}`, `{"rails":{"x":{}}}`, `{"settlement":{"cycle":-1}}`,
		`{"approvals":{"tiers":[{"below":"0.0000001"}]}}`, `{"approvals":{"simulated":{"enabled":true,"names":["a","a",""]}}}`,
		`{"settlement":{"counterparty":{"rules":[{"bic":"x","delay":"1ns"}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := builtin(t, profile.GlobalCustodian).Override(document)
		if err != nil {
			return
		}
		r, err := p.Resolve()
		problems := p.Validate()
		if (err == nil) != (len(problems) == 0) {
			t.Fatalf("resolves with %v, problems are %v", err, problems)
		}
		for _, problem := range problems {
			if problem.Field == "" || problem.Message == "" || !strings.Contains(problem.Error(), problem.Message) {
				t.Fatalf("problem %+v says nothing", problem)
			}
		}
		if err != nil {
			return
		}
		now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		if d, ok := r.Settlement().ValueDate(now); ok && d.Before(r.Settlement().Today(now)) {
			t.Fatalf("value date %s lies in the past", d)
		}
		if delay := r.Approvals().DelayAt(now); delay < 0 {
			t.Fatalf("approvals take %s", delay)
		}
	})
}

func FuzzDurationReadsWhatItWrites(f *testing.F) {
	for _, seed := range []string{"24h", "1h0m0s", "-3m0s", "1.5h", "9223372036854775807ns", "", "1", "10m0.5s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again profile.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			return
		}
		written, err := d.MarshalText()
		if err != nil || again.UnmarshalText(written) != nil || again != d {
			t.Fatalf("%q is written as %s and reads back as %s", text, written, again)
		}
	})
}
