package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestPoliciesCompileInTheirOrder(t *testing.T) {
	t.Parallel()
	var configs []policy.Config
	err := json.Unmarshal([]byte(`[
		{"name":"list","whitelist":{"accounts":["DE02"]},"then":"reject","reason":"unknown beneficiary"},
		{"name":"daily","velocity":{"window":"24h","max_amount":"250000.00","max_count":10},"then":"hold"},
		{"name":"half","when":"transfer.kind == \"crypto\"","concentration":{"max_share":"0.5"},"then":"require","approvals":4}
	]`), &configs)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := policy.Compile(configs)
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) != 3 || policies[0].Name != "list" || policies[0].Whitelist == nil || policies[0].Then != sim.PolicyReject || policies[0].Reason == "" ||
		policies[1].Velocity.Hours != 24 || !policies[1].Velocity.MaxAmount.Equal(amount("250000")) || policies[1].Velocity.MaxCount != 10 ||
		policies[2].When == nil || !policies[2].Concentration.MaxShare.Equal(amount("0.5")) || policies[2].Approvals != 4 {
		t.Errorf("policies are %+v", policies)
	}
	if none, err := policy.Compile(nil); err != nil || len(none) != 0 {
		t.Errorf("no policies give %v, %v", none, err)
	}
}

func TestMistakesInPoliciesAreAllNamed(t *testing.T) {
	t.Parallel()
	hours := func(d time.Duration) *policy.Velocity {
		return &policy.Velocity{Window: profile.Duration(d), MaxCount: 1}
	}
	for _, c := range []struct {
		name   string
		config policy.Config
		field  string
	}{
		{"no name", policy.Config{Then: "hold"}, "name"},
		{"a long name", policy.Config{Name: strings.Repeat("x", 101), Then: "hold"}, "name"},
		{"a long reason", policy.Config{Name: "p", Then: "hold", Reason: strings.Repeat("x", 201)}, "reason"},
		{"no action", policy.Config{Name: "p"}, "then"},
		{"an unknown action", policy.Config{Name: "p", Then: "shout"}, "then"},
		{"approvals without require", policy.Config{Name: "p", Then: "hold", Approvals: 1}, "approvals"},
		{"require without approvals", policy.Config{Name: "p", Then: "require"}, "approvals"},
		{"too many approvals", policy.Config{Name: "p", Then: "require", Approvals: 21}, "approvals"},
		{"a bad condition", policy.Config{Name: "p", Then: "hold", When: "("}, "when"},
		{"a window of minutes", policy.Config{Name: "p", Then: "hold", Velocity: hours(90 * time.Minute)}, "velocity.window"},
		{"a window of two weeks", policy.Config{Name: "p", Then: "hold", Velocity: hours(14 * 24 * time.Hour)}, "velocity.window"},
		{"no window", policy.Config{Name: "p", Then: "hold", Velocity: hours(0)}, "velocity.window"},
		{"a velocity without limit", policy.Config{Name: "p", Then: "hold", Velocity: &policy.Velocity{Window: profile.Duration(time.Hour)}}, "velocity"},
		{"a negative amount", policy.Config{Name: "p", Then: "hold", Velocity: &policy.Velocity{Window: profile.Duration(time.Hour), MaxAmount: amount("-1")}}, "velocity.max_amount"},
		{"a negative count", policy.Config{Name: "p", Then: "hold", Velocity: &policy.Velocity{Window: profile.Duration(time.Hour), MaxCount: -1}}, "velocity.max_count"},
		{"no share", policy.Config{Name: "p", Then: "hold", Concentration: &policy.Concentration{}}, "concentration.max_share"},
		{"more than all", policy.Config{Name: "p", Then: "hold", Concentration: &policy.Concentration{MaxShare: amount("1.01")}}, "concentration.max_share"},
		{"a long list", policy.Config{Name: "p", Then: "hold", Whitelist: &policy.Whitelist{Accounts: make([]string, policy.MaxListed+1)}}, "whitelist"},
		{"two limits", policy.Config{Name: "p", Then: "hold", Whitelist: &policy.Whitelist{}, Concentration: &policy.Concentration{MaxShare: amount("1")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Compile([]policy.Config{{Name: "good", Then: "hold"}, c.config})
			want := strings.TrimSuffix("policies[1]."+c.field, ".") + ":"
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v; want one that begins with %q", err, want)
			}
		})
	}
	_, err := policy.Compile([]policy.Config{{Name: "p", Then: "x"}, {Name: "p", Then: "hold", When: "1"}})
	for _, part := range []string{"policies[0].then", "policies[1].name", "policies[1].when"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	many := make([]policy.Config, policy.MaxPolicies+1)
	for i := range many {
		many[i] = policy.Config{Name: fmt.Sprint(i), Then: "hold"}
	}
	if _, err := policy.Compile(many); err == nil {
		t.Error("too many policies compile")
	}
}
