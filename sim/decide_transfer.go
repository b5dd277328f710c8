package sim

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func (c SubmitTransfer) decide(d *decision) *Error {
	rail, a, err := c.check(d)
	if err != nil {
		return err
	}
	if err := d.checkParties([]string{"account_id"}, []string{c.AccountID}); err != nil {
		return err
	}
	t := &Transfer{
		ExternalID: c.ExternalID, Rail: c.Rail, Direction: c.Direction, AccountID: c.AccountID, Symbol: c.Symbol,
		Quantity: c.Quantity, Beneficiary: c.Beneficiary, RequestedBy: c.RequestedBy, Status: StatusPending,
		InitiatedAt: d.now, Metadata: c.Metadata,
	}
	if t.CreditAccount, err = c.creditAccount(d); err != nil {
		return err
	}
	if t.CreditAccount == "" {
		t.ConfirmationsRequired = rail.Confirmations
	}
	if err := c.checkRoom(d, t); err != nil {
		return err
	}
	value, known := rail.ValueDate(d.now)
	if !known {
		return Invalid("rail", "%s settles by the calendar %s, which ends on %s: no value date can be given",
			c.Rail, rail.Days().Name(), rail.Days().Last())
	}
	v := d.judge(t, a)
	t.ApprovalsRequired = max(d.profile().Approvals().Required(c.Direction == DirectionOut, c.Quantity), v.approvals)
	if v.held {
		t.ApprovalsRequired++
	}
	if t.ApprovalsRequired > 0 && c.RequestedBy == "" && !v.rejected {
		return Invalid("requested_by", "is required: this transfer needs approvals (%d), and nobody approves his own request", t.ApprovalsRequired)
	}
	d.openParties(c.AccountID)
	t.ID, t.ValueDate = d.generator.ID(d.now), value.String()
	d.submit(t, rail, a, v)
	return nil
}

// submit begins a transfer that has been checked.
func (d *decision) submit(t *Transfer, rail *profile.RailRules, a asset.Asset, v verdict) {
	j := d.journey(t, rail, EventTransferSubmitted)
	defer j.end()
	j.step(StageSubmitted, "", "")
	if t.Direction == DirectionOut && t.CreditAccount == "" {
		t.MaxFee = rail.Fee.Of(t.Quantity, a.Decimals)
		if limit := rail.Fee.Max; rail.Confirmations > 0 && t.MaxFee.Less(limit) {
			t.MaxFee = limit.Mul(whole, a.Decimals, money.RoundDown)
		}
	}
	effects := d.faultsOn(t.matter())
	switch {
	case effects.rejectCode != "":
		j.stop(EventTransferRejected, StageRejected, effects.rejectCode, effects.rejectReason)
		return
	case v.rejected:
		j.stop(EventTransferRejected, StageRejected, v.code, v.reason)
		return
	case !j.reserve(a.IsCash()):
		return
	}
	if t.ApprovalsRequired > 0 {
		j.await(v)
	} else {
		j.schedule(effects)
	}
	j.move()
}

// check checks everything about the command that needs no account.
func (c *SubmitTransfer) check(d *decision) (*profile.RailRules, asset.Asset, *Error) {
	var none asset.Asset
	rails := strings.Join(d.profile().Rails(), ", ")
	if c.Rail == "" {
		return nil, none, Invalid("rail", "is required; allowed: %s", rails)
	}
	rail, ok := d.profile().Rail(c.Rail)
	if !ok {
		return nil, none, Invalid("rail", "%s is not on offer; allowed: %s", quote(c.Rail), rails)
	}
	switch c.Direction {
	case DirectionOut, DirectionIn:
	case "":
		return nil, none, Invalid("direction", "is required; allowed: %s, %s", DirectionOut, DirectionIn)
	default:
		return nil, none, Invalid("direction", "%s is not known; allowed: %s, %s", quote(string(c.Direction)), DirectionOut, DirectionIn)
	}
	if err := checkText("symbol", c.Symbol, MaxSymbol); err != nil {
		return nil, none, err
	}
	a := d.rules.Assets.Lookup(c.Symbol)
	if !rail.Allows(a.Kind) {
		kinds := make([]string, len(rail.Kinds))
		for i, k := range rail.Kinds {
			kinds[i] = string(k)
		}
		return nil, none, Invalid("symbol", "%s is %s, which does not travel over %s; allowed kinds: %s", quote(c.Symbol), a.Kind, c.Rail, strings.Join(kinds, ", "))
	}
	if err := checkPositive("quantity", a, c.Quantity); err != nil {
		return nil, none, err
	}
	if err := c.checkBeneficiary(); err != nil {
		return nil, none, err
	}
	for _, o := range []struct{ field, value string }{{"external_id", c.ExternalID}, {"requested_by", c.RequestedBy}} {
		if err := checkOptional(o.field, o.value); err != nil {
			return nil, none, err
		}
	}
	return rail, a, checkMetadata(c.Metadata)
}

func checkOptional(field, value string) *Error {
	if value == "" {
		return nil
	}
	return checkText(field, value, MaxIdentifier)
}

// checkBeneficiary checks that a transfer out says where it goes to, in the terms
// of its rail.
func (c *SubmitTransfer) checkBeneficiary() *Error {
	b := &c.Beneficiary
	for _, o := range []struct{ field, value string }{
		{"beneficiary.name", b.Name}, {"beneficiary.account", b.Account}, {"beneficiary.bank", b.Bank},
		{"beneficiary.address", b.Address}, {"beneficiary.network", b.Network},
	} {
		if err := checkOptional(o.field, o.value); err != nil {
			return err
		}
	}
	if c.Direction == DirectionIn {
		return nil
	}
	switch c.Rail {
	case profile.CryptoExternal:
		if b.Address == "" {
			return Invalid("beneficiary.address", "is required for a transfer OUT over %s", c.Rail)
		}
	case profile.CryptoInternal:
		if b.Account == "" && b.Address == "" {
			return Invalid("beneficiary.account", "is required for a transfer OUT over %s, or beneficiary.address instead", c.Rail)
		}
		if b.Account == c.AccountID {
			return Invalid("beneficiary.account", "must differ from account_id")
		}
	default:
		if b.Account == "" {
			return Invalid("beneficiary.account", "is required for a transfer OUT over %s", c.Rail)
		}
	}
	return nil
}

// creditAccount returns the account of this house that a book transfer goes to.
func (c *SubmitTransfer) creditAccount(d *decision) (string, *Error) {
	other := d.accounts[c.Beneficiary.Account]
	switch {
	case c.Rail != profile.CryptoInternal || other == nil:
		return "", nil
	case c.Direction == DirectionIn:
		return "", Invalid("beneficiary.account", "%s is an account of this custodian: only its own owner sends from it; submit the transfer as OUT of that account",
			quote(other.AccountID))
	default:
		return other.AccountID, d.checkUsable("beneficiary.account", other.AccountID)
	}
}

// checkRoom checks that the books have room for the transfer, and for what it
// brings.
func (c *SubmitTransfer) checkRoom(d *decision, t *Transfer) *Error {
	if limit := d.maxOpenTransfers(); len(d.transfers) >= limit {
		return Errorf(CodeLimitReached, "this custodian has its limit of %d open transfers; cancel some or wait until they settle", limit)
	}
	receiver := t.CreditAccount
	if t.Direction == DirectionIn {
		receiver = t.AccountID
	}
	if receiver == "" || d.holdings[HoldingKey{receiver, t.Symbol}] != nil {
		return nil
	}
	return d.checkHoldingRoom(1)
}

// changeTransfer returns a copy of a transfer that is open.
func (d *decision) changeTransfer(id uuid.UUID) (*Transfer, *Error) {
	before := d.transfers[id]
	if before == nil {
		// Whether it is final or never existed is in the tables; the engine
		// tells the two apart for the caller.
		return nil, Errorf(CodeNotFound, "transfer %s does not exist", id)
	}
	return before.copy(), nil
}

func (t *Transfer) copy() *Transfer {
	after := *t
	after.History, after.Approvals = slices.Clip(after.History), slices.Clip(after.Approvals)
	return &after
}

func (c CancelTransfer) decide(d *decision) *Error {
	t, err := d.changeTransfer(c.ID)
	if err != nil {
		return err
	}
	if t.sent() {
		return Errorf(CodeWrongState, "transfer %s is %s: what has been sent cannot be cancelled", c.ID, t.Stage)
	}
	j := d.journey(t, nil, EventTransferCancelled)
	defer j.end()
	j.stop(EventTransferCancelled, StageCancelled, ReasonCustomer, "cancelled by the account owner")
	return nil
}

// sent reports whether the transfer has left, or arrived.
func (t *Transfer) sent() bool {
	switch t.Stage {
	case StageBroadcast, StageConfirming, StageSettled, StageReturned:
		return true
	default:
		return false
	}
}
