package profile_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // tests run anywhere

	"github.com/go-viper/mapstructure/v2"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

var amount = money.MustParse

func builtin(t testing.TB, name string) profile.Profile {
	t.Helper()
	p, ok := profile.Builtin(name)
	if !ok {
		t.Fatalf("no profile %s", name)
	}
	return p
}

func resolve(t testing.TB, p profile.Profile) *profile.Resolved {
	t.Helper()
	r, err := p.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t testing.TB, p profile.Profile) string {
	t.Helper()
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func date(text string) calendar.Date {
	d, err := calendar.ParseDate(text)
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return d
}

func TestBuiltinProfilesAreRight(t *testing.T) {
	t.Parallel()
	if want := []string{"crypto-custodian", "global-custodian", "instant", "prime-broker"}; !slices.Equal(profile.Names(), want) {
		t.Errorf("names are %v", profile.Names())
	}
	for _, name := range profile.Names() {
		p := builtin(t, name)
		if p.Name != name {
			t.Errorf("%s calls itself %s", name, p.Name)
		}
		for _, problem := range p.Validate() {
			t.Errorf("%s: %v", name, problem)
		}
		resolve(t, p)
	}
	if p, ok := profile.Builtin("Instant"); ok {
		t.Errorf("there is a profile %s", p.Name)
	}
}

func TestInstantLetsNothingWait(t *testing.T) {
	t.Parallel()
	r := resolve(t, builtin(t, profile.Instant))
	if !slices.Equal(r.Rails(), profile.RailNames()) {
		t.Errorf("rails are %v", r.Rails())
	}
	for _, now := range []string{"2026-12-25T23:59:59Z", "2026-11-28T00:00:00Z", "2045-07-04T12:00:00Z"} {
		at := instant(now)
		today := calendar.DateOf(at, time.UTC)
		if d, ok := r.Settlement().ValueDate(at); !ok || d != today {
			t.Errorf("a trade at %s settles on %s, %v", now, d, ok)
		}
		for _, name := range r.Rails() {
			rail, _ := r.Rail(name)
			if done, ok := rail.CompletionAt(at); !ok || !done.Equal(at) {
				t.Errorf("%s: a transfer at %s completes at %s, %v", name, now, done, ok)
			}
			if fee := rail.Fee.Of(amount("1000000"), 2); !fee.IsZero() {
				t.Errorf("%s costs %s", name, fee)
			}
		}
	}
	if n := r.Approvals().Required(true, amount("10000000")); n != 0 {
		t.Errorf("%d approvals are required", n)
	}
}

func TestGlobalCustodianHasTheCyclesOfTheDomain(t *testing.T) {
	t.Parallel()
	p := builtin(t, profile.GlobalCustodian)
	want := map[string]int{
		profile.CryptoInternal: 0, profile.CryptoExternal: 1, profile.WireDomestic: 2, profile.WireInternational: 3, profile.ACHTransfer: 2,
	}
	for name, cycle := range want {
		if p.Rails[name].Cycle != cycle {
			t.Errorf("%s is T+%d, want T+%d", name, p.Rails[name].Cycle, cycle)
		}
	}
	if p.Settlement.Cycle != 1 || p.Settlement.Calendar != "NYSE" || len(p.Rails) != len(want) {
		t.Errorf("settlement is %s T+%d, rails are %d", p.Settlement.Calendar, p.Settlement.Cycle, len(p.Rails))
	}
}

func TestApprovalsFollowTheTiers(t *testing.T) {
	t.Parallel()
	a := resolve(t, builtin(t, profile.GlobalCustodian)).Approvals()
	for text, want := range map[string]int{
		"0": 1, "9999.99": 1, "10000": 2, "99999.999999999999999999": 2, "100000": 3, "999999.99": 3, "1000000": 4, "99999999999999999999": 4,
	} {
		if got := a.Required(true, amount(text)); got != want {
			t.Errorf("%s needs %d approvals, want %d", text, got, want)
		}
		if got := a.Required(false, amount(text)); got != 0 {
			t.Errorf("%s coming in needs %d approvals", text, got)
		}
	}
	var none profile.Approvals
	none.RequiredOut = true
	if got := none.Required(true, amount("1")); got != 0 {
		t.Errorf("without tiers %d approvals are required", got)
	}
}

func TestClonesShareNothing(t *testing.T) {
	t.Parallel()
	original := builtin(t, profile.PrimeBroker)
	original.Settlement.Counterparty.Rules = []profile.CounterpartyRule{{Symbol: "AAPL", Reason: "DMON"}}
	before := written(t, original)
	clone := original.Clone()
	if written(t, clone) != before {
		t.Fatal("the clone differs")
	}
	resolved := resolve(t, original)
	for _, copied := range []profile.Profile{clone, resolved.Profile()} {
		copied.Settlement.Counterparty.Rules[0].Symbol = "MSFT"
		copied.Rails[profile.ACHTransfer].Kinds[0] = asset.Crypto
		copied.Rails[profile.WireDomestic] = profile.Rail{}
		copied.Approvals.Tiers[0].Required = 9
		copied.Approvals.Simulated.Names[0] = "mallory"
	}
	if written(t, original) != before || written(t, resolved.Profile()) != before {
		t.Error("changing a clone changed the original")
	}
	first := builtin(t, profile.Instant)
	first.Rails[profile.WireDomestic] = profile.Rail{}
	if written(t, builtin(t, profile.Instant)) == written(t, first) {
		t.Error("callers share a built-in profile")
	}
}

// TestConfigurationDecodesProfiles decodes as the supervisor does: koanf's tags,
// text for everything that is not a number, no key unused.
func TestConfigurationDecodesProfiles(t *testing.T) {
	t.Parallel()
	for _, name := range profile.Names() {
		want := builtin(t, name)
		want.Settlement.Counterparty.Rules = []profile.CounterpartyRule{{BIC: "DEUTDEFF", MinQuantity: amount("10.5"), Delay: profile.Duration(90 * time.Second)}}
		var values map[string]any
		if err := json.Unmarshal([]byte(written(t, want)), &values); err != nil {
			t.Fatal(err)
		}
		var got profile.Profile
		decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
			TagName: "koanf", ErrorUnused: true, DecodeHook: mapstructure.TextUnmarshallerHookFunc(), WeaklyTypedInput: true, Result: &got,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := decoder.Decode(values); err != nil {
			t.Fatal(err)
		}
		if written(t, got) != written(t, want) {
			t.Errorf("%s decodes as\n%s", name, written(t, got))
		}
	}
}

// TestEveryFieldHasOneNameForFilesAndJSON walks over all types of a profile.
func TestEveryFieldHasOneNameForFilesAndJSON(t *testing.T) {
	t.Parallel()
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Map, reflect.Slice:
			walk(typ.Elem())
		case reflect.Struct:
			if !strings.HasSuffix(typ.PkgPath(), "sim/profile") {
				return
			}
			for f := range typ.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if key := f.Tag.Get("koanf"); key == "" || key != name || key != strings.ToLower(key) {
					t.Errorf("%s.%s is %q in files and %q in JSON", typ.Name(), f.Name, key, name)
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[profile.Profile]())
}

func TestMatchingToleratesByTheSmallerPayment(t *testing.T) {
	t.Parallel()
	m := builtin(t, profile.GlobalCustodian).Settlement.Matching
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"19000.00", "19000.00", true},
		{"19000.00", "19002.00", true},
		{"19000.00", "19002.01", false},
		{"0", "2", true},
		{"100000", "100002", true},
		{"100000", "100002.01", false},
		{"100000.01", "100025.01", true},
		{"100000.01", "100025.02", false},
		{"99999.99", "100010", false},
		{"5000000", "5000025", true},
	} {
		if m.Agree(amount(c.a), amount(c.b)) != c.want || m.Agree(amount(c.b), amount(c.a)) != c.want {
			t.Errorf("%s and %s agree: not %v in either order", c.a, c.b, c.want)
		}
	}
}

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	t.Parallel()
	c := profile.Counterparty{Rules: []profile.CounterpartyRule{
		{Symbol: "AAPL", BIC: "DEUTDEFF", Reason: "DSEC"},
		{Symbol: "AAPL", MinQuantity: amount("100"), MaxQuantity: amount("200"), Reason: "DQUA"},
		{MinQuantity: amount("1000"), Reason: "DMON"},
	}}
	for _, want := range []struct{ symbol, bic, quantity, reason string }{
		{"AAPL", "DEUTDEFF", "150", "DSEC"},
		{"AAPL", "CHASUS33", "100", "DQUA"},
		{"AAPL", "CHASUS33", "200", "DQUA"},
		{"AAPL", "CHASUS33", "200.01", ""},
		{"AAPL", "CHASUS33", "99.99", ""},
		{"MSFT", "", "1000", "DMON"},
		{"MSFT", "DEUTDEFF", "1", ""},
	} {
		rule, ok := c.Rule(want.symbol, want.bic, amount(want.quantity))
		if ok != (want.reason != "") || (ok && rule.Reason != want.reason) {
			t.Errorf("%s of %s from %s: %+v, want %q", want.quantity, want.symbol, want.bic, rule, want.reason)
		}
	}
}
