package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// PolicyAction says what becomes of a transfer that meets a policy.
type PolicyAction string

// The actions of policies.
const (
	// PolicyReject records the transfer as rejected. No later policy is asked.
	PolicyReject PolicyAction = "reject"
	// PolicyHold holds the transfer for compliance: it needs one approval more
	// than it would otherwise, however many policies hold it.
	PolicyHold PolicyAction = "hold"
	// PolicyRequire raises the approvals that the transfer needs to at least a
	// number.
	PolicyRequire PolicyAction = "require"
)

// PolicyActions lists every action.
func PolicyActions() []string {
	return []string{string(PolicyReject), string(PolicyHold), string(PolicyRequire)}
}

// Policy is one rule on transfers. A transfer meets it where When holds and, if
// the policy has a limit, the limit is exceeded. Limits are on transfers OUT;
// others never meet a policy that has one. Policies are immutable.
type Policy struct {
	Name string
	// When is a condition; nil holds for every transfer.
	When Condition
	// At most one limit is set.
	Whitelist     *Whitelist
	Velocity      *VelocityLimit
	Concentration *ConcentrationLimit
	// Then is what becomes of the transfer.
	Then PolicyAction
	// Approvals is the number that PolicyRequire asks for.
	Approvals int
	// Reason is the text that callers read; empty means one that says which
	// policy it was and what it found.
	Reason string
}

// Condition decides whether a policy is about a transfer. Package policy makes
// conditions from expressions.
//
// A condition is a pure function of the facts, safe for concurrent use, and its
// work is bounded. An error is taken as true, so that a rule that cannot be
// evaluated lets nothing pass.
type Condition interface {
	Holds(f *PolicyFacts) (bool, error)
}

// PolicyFacts is what a policy sees of a transfer that is being submitted.
type PolicyFacts struct {
	// Now is the instance time.
	Now time.Time
	// Transfer is the transfer as it was submitted. It must not be changed.
	Transfer *Transfer
	// Asset is what Transfer.Symbol means.
	Asset asset.Asset
	// Account is the account; it may not be open yet, and then is what it is
	// going to be opened as.
	Account Account
	// Available and Total are what the account has of the asset.
	Available money.Amount
	Total     money.Amount

	sent *velocityBook
}

// Sent returns what was submitted to leave the account in the asset within so
// many hours before, this transfer not counted. Hours count whole, so the sum may
// cover up to an hour more. Hours beyond [MaxVelocityHours] are not kept.
func (f *PolicyFacts) Sent(hours int) (total money.Amount, count int64) {
	return f.sent.since(hourOf(f.Now) - int64(hours))
}

// Whitelist is met by transfers whose beneficiary it does not name. It is
// immutable.
type Whitelist struct{ accounts, addresses map[string]bool }

// NewWhitelist returns the list of the accounts and addresses that transfers may
// go to.
func NewWhitelist(accounts, addresses []string) *Whitelist {
	w := &Whitelist{make(map[string]bool, len(accounts)), make(map[string]bool, len(addresses))}
	for _, a := range accounts {
		w.accounts[a] = true
	}
	for _, a := range addresses {
		w.addresses[a] = true
	}
	return w
}

// VelocityLimit is met by transfers with which more would leave the account in
// one asset than is allowed within a window.
type VelocityLimit struct {
	// Hours is the length of the window, from 1 to [MaxVelocityHours].
	Hours int
	// MaxAmount and MaxCount are the most that may leave; zero is no limit.
	MaxAmount money.Amount
	MaxCount  int64
}

// ConcentrationLimit is met by transfers that take too large a part of what the
// account has of the asset.
type ConcentrationLimit struct {
	// MaxShare is the largest part that one transfer may take, above zero and at
	// most one.
	MaxShare money.Amount
}

// verdict is what the policies say about a transfer.
type verdict struct {
	// code and reason explain a rejection or a hold.
	code, reason string
	rejected     bool
	held         bool
	approvals    int // at least
}

// judge asks the policies about a transfer that is being submitted.
func (d *decision) judge(t *Transfer, a asset.Asset) verdict {
	var v verdict
	if len(d.rules.Policies) == 0 {
		return v
	}
	f := &PolicyFacts{Now: d.now, Transfer: t, Asset: a, sent: d.sentFrom(t.AccountID, t.Symbol)}
	if account := d.accounts[t.AccountID]; account != nil {
		f.Account = *account
	} else {
		f.Account = Account{AccountID: t.AccountID, ClientID: t.AccountID, Type: AccountMaster, Status: AccountActive}
	}
	if h := d.holdings[HoldingKey{t.AccountID, t.Symbol}]; h != nil {
		f.Available, f.Total = h.Available, h.Total()
	}
	for i := range d.rules.Policies {
		p := &d.rules.Policies[i]
		met, code, reason := p.meets(f)
		if !met {
			continue
		}
		if p.Reason != "" {
			reason = p.Reason
		}
		switch p.Then {
		case PolicyReject:
			v.rejected, v.code, v.reason = true, code, reason
			return v
		case PolicyHold:
			if !v.held {
				v.held, v.code, v.reason = true, ReasonRegulatory, reason
			}
		case PolicyRequire:
			v.approvals = max(v.approvals, p.Approvals)
		}
	}
	return v
}

// meets reports whether a transfer meets the policy, with the code and text that
// explain it.
func (p *Policy) meets(f *PolicyFacts) (met bool, code, reason string) {
	name := "policy " + quote(p.Name)
	if p.When != nil {
		switch holds, err := p.When.Holds(f); {
		case err != nil:
			return true, ReasonRegulatory, name + " could not be evaluated: " + err.Error()
		case !holds:
			return false, "", ""
		}
	}
	limited := p.Whitelist != nil || p.Velocity != nil || p.Concentration != nil
	switch {
	case !limited:
		return true, ReasonForbidden, name + " applies"
	case f.Transfer.Direction != DirectionOut:
		return false, "", ""
	case p.Whitelist != nil:
		return !p.Whitelist.allows(&f.Transfer.Beneficiary), ReasonForbidden, name + ": the beneficiary is not on the list"
	case p.Velocity != nil:
		what, exceeded := p.Velocity.exceededBy(f)
		return exceeded, ReasonLimitExceeded, name + ": " + what
	default:
		return p.Concentration.exceededBy(f), ReasonLimitExceeded, name + ": " + f.Transfer.Quantity.String() + " is more than " +
			p.Concentration.MaxShare.String() + " of the " + f.Total.String() + " " + f.Transfer.Symbol + " that the account has"
	}
}

// allows reports whether everything that names the beneficiary is on the list.
func (w *Whitelist) allows(b *Beneficiary) bool {
	if b.Account == "" && b.Address == "" {
		return false
	}
	return (b.Account == "" || w.accounts[b.Account]) && (b.Address == "" || w.addresses[b.Address])
}

func (l *VelocityLimit) exceededBy(f *PolicyFacts) (what string, exceeded bool) {
	total, count := f.Sent(l.Hours)
	total, count = total.Add(f.Transfer.Quantity), count+1
	var found []string
	if !l.MaxAmount.IsZero() && l.MaxAmount.Less(total) {
		found = append(found, total.String()+" "+f.Transfer.Symbol+" would leave, "+l.MaxAmount.String()+" may")
	}
	if l.MaxCount > 0 && count > l.MaxCount {
		found = append(found, strconv.FormatInt(count, 10)+" transfers would leave, "+strconv.FormatInt(l.MaxCount, 10)+" may")
	}
	return "within " + strconv.Itoa(l.Hours) + " hours " + strings.Join(found, " and "), len(found) > 0
}

// exceededBy compares quantity with share times total, exactly.
func (l *ConcentrationLimit) exceededBy(f *PolicyFacts) bool {
	allowed := l.MaxShare.Unscaled(money.MaxDecimals)
	allowed.Mul(allowed, f.Total.Unscaled(money.MaxDecimals))
	taken := f.Transfer.Quantity.Unscaled(money.MaxDecimals)
	taken.Mul(taken, whole.Unscaled(money.MaxDecimals))
	return taken.Cmp(allowed) > 0
}

// whole is one.
var whole = money.MustParse("1")
