package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// Bounds of what can be configured.
const (
	// MaxPolicies is how many policies an instance may have.
	MaxPolicies = 100
	// MaxListed is how many accounts, and how many addresses, a whitelist may name.
	MaxListed = 10_000
	// MaxApprovals is how many approvals a policy may require.
	MaxApprovals = 20
	maxName      = 100
	maxReason    = 200
)

// Config is one policy as it stands in an instance's configuration. The tags name
// its fields in configuration files and bound them, as those of a profile do.
type Config struct {
	// Name tells policies apart, in messages and histories.
	Name string `koanf:"name" json:"name" len:"100"`
	// When is an expression of CEL that is true of the transfers that are meant; empty
	// is all.
	When string `koanf:"when" json:"when,omitempty" len:"2000"`
	// Whitelist is met by transfers out to others than it names. At most one of
	// Whitelist, Velocity and Concentration is given.
	Whitelist *Whitelist `koanf:"whitelist" json:"whitelist,omitempty"`
	// Velocity is met by transfers out with which more leaves than may.
	Velocity *Velocity `koanf:"velocity" json:"velocity,omitempty"`
	// Concentration is met by transfers out of too large a part of a holding.
	Concentration *Concentration `koanf:"concentration" json:"concentration,omitempty"`
	// Then is what becomes of a transfer that meets the policy.
	Then string `koanf:"then" json:"then" oneof:"reject hold require"`
	// Approvals is how many approvals the action require asks for.
	Approvals int `koanf:"approvals" json:"approvals,omitempty" range:"0..20"`
	// Reason is what the transfer says then; empty is a text that names the policy.
	Reason string `koanf:"reason" json:"reason,omitempty" len:"200"`
}

// Whitelist is met by transfers to beneficiaries that it does not name.
type Whitelist struct {
	// Accounts are those that transfers may go to.
	Accounts []string `koanf:"accounts" json:"accounts,omitempty" len:"10000"`
	// Addresses are those on chains that transfers may go to.
	Addresses []string `koanf:"addresses" json:"addresses,omitempty" len:"10000"`
}

// Velocity is met by transfers with which more would leave an account, in one
// asset, than may.
type Velocity struct {
	// Window is a number of whole hours, up to a week.
	Window profile.Duration `koanf:"window" json:"window" range:"1h..168h"`
	// MaxAmount bounds what leaves in a window, in units of the asset; zero is no
	// limit.
	MaxAmount money.Amount `koanf:"max_amount" json:"max_amount,omitzero"`
	// MaxCount bounds the transfers in a window; zero is no limit.
	MaxCount int64 `koanf:"max_count" json:"max_count,omitempty" range:"0..1000000"`
}

// Concentration is met by transfers that take too large a part of what an account
// has of the asset.
type Concentration struct {
	// MaxShare is the largest part: 0.25 is a quarter.
	MaxShare money.Amount `koanf:"max_share" json:"max_share" range:"0..1"`
}

// Compile checks policies and compiles their conditions. The result is in the same
// order and shares nothing with configs. The error joins one [profile.Problem] for
// each mistake, with fields such as policies[0].when.
func Compile(configs []Config) ([]sim.Policy, error) {
	c := &compiler{names: make(map[string]bool)}
	if len(configs) > MaxPolicies {
		c.problem("policies", strconv.Itoa(len(configs)), "are too many policies", "at most "+strconv.Itoa(MaxPolicies))
		return nil, c.err()
	}
	policies := make([]sim.Policy, 0, len(configs))
	for i := range configs {
		policies = append(policies, c.policy(fmt.Sprintf("policies[%d].", i), &configs[i]))
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return policies, nil
}

// compiler collects what is wrong.
type compiler struct {
	names    map[string]bool
	problems []error
}

func (c *compiler) problem(field, value, message, allowed string) {
	c.problems = append(c.problems, profile.Problem{Field: field, Value: value, Message: message, Allowed: allowed})
}

func (c *compiler) err() error { return errors.Join(c.problems...) }

func (c *compiler) policy(path string, in *Config) sim.Policy {
	out := sim.Policy{Name: in.Name, Then: sim.PolicyAction(in.Then), Approvals: in.Approvals, Reason: in.Reason}
	switch {
	case in.Name == "":
		c.problem(path+"name", `""`, "is missing: a policy needs a name", "")
	case utf8.RuneCountInString(in.Name) > maxName || !utf8.ValidString(in.Name):
		c.problem(path+"name", in.Name, "is no text or too long", fmt.Sprintf("at most %d characters", maxName))
	case c.names[in.Name]:
		c.problem(path+"name", in.Name, "is the name of another policy already", "")
	}
	c.names[in.Name] = true
	if utf8.RuneCountInString(in.Reason) > maxReason || !utf8.ValidString(in.Reason) {
		c.problem(path+"reason", in.Reason, "is no text or too long", fmt.Sprintf("at most %d characters", maxReason))
	}
	if in.When != "" {
		condition, err := compileCondition(in.When)
		if err != nil {
			c.problem(path+"when", in.When, err.Error(), "")
		} else {
			out.When = condition
		}
	}
	c.action(path, in)
	c.limits(path, in, &out)
	return out
}

func (c *compiler) action(path string, in *Config) {
	switch sim.PolicyAction(in.Then) {
	case sim.PolicyReject, sim.PolicyHold:
		if in.Approvals != 0 {
			c.problem(path+"approvals", strconv.Itoa(in.Approvals), "belongs to the action "+string(sim.PolicyRequire)+" only", "")
		}
	case sim.PolicyRequire:
		if in.Approvals < 1 || in.Approvals > MaxApprovals {
			c.problem(path+"approvals", strconv.Itoa(in.Approvals), "is out of range", fmt.Sprintf("1 to %d", MaxApprovals))
		}
	default:
		c.problem(path+"then", strconv.Quote(in.Then), "is no action", strings.Join(sim.PolicyActions(), ", "))
	}
}

func (c *compiler) limits(path string, in *Config, out *sim.Policy) {
	set := 0
	if w := in.Whitelist; w != nil {
		set++
		if len(w.Accounts) > MaxListed || len(w.Addresses) > MaxListed {
			c.problem(path+"whitelist", "", "names too many", fmt.Sprintf("at most %d accounts and %d addresses", MaxListed, MaxListed))
		} else {
			out.Whitelist = sim.NewWhitelist(w.Accounts, w.Addresses)
		}
	}
	if v := in.Velocity; v != nil {
		set++
		hours := v.Window.Std() / time.Hour
		switch {
		case v.Window.Std() != hours*time.Hour || hours < 1 || hours > sim.MaxVelocityHours:
			c.problem(path+"velocity.window", v.Window.String(), "is not a window that is kept", fmt.Sprintf("whole hours, from 1h to %dh", sim.MaxVelocityHours))
		case v.MaxAmount.Sign() < 0:
			c.problem(path+"velocity.max_amount", v.MaxAmount.String(), "is negative", "zero for no limit, or more")
		case v.MaxCount < 0:
			c.problem(path+"velocity.max_count", strconv.FormatInt(v.MaxCount, 10), "is negative", "zero for no limit, or more")
		case v.MaxAmount.IsZero() && v.MaxCount == 0:
			c.problem(path+"velocity", "", "limits nothing: it needs max_amount, max_count or both", "")
		}
		out.Velocity = &sim.VelocityLimit{Hours: int(hours), MaxAmount: v.MaxAmount, MaxCount: v.MaxCount}
	}
	if l := in.Concentration; l != nil {
		set++
		if l.MaxShare.Sign() <= 0 || one.Less(l.MaxShare) {
			c.problem(path+"concentration.max_share", l.MaxShare.String(), "is no share", "above 0 and at most 1")
		}
		out.Concentration = &sim.ConcentrationLimit{MaxShare: l.MaxShare}
	}
	if set > 1 {
		c.problem(strings.TrimSuffix(path, "."), in.Name, "has more than one of whitelist, velocity and concentration", "one; write two policies for two limits")
	}
}

var one = money.MustParse("1")
