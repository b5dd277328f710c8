package custodiantest

import (
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// RequirePosition fails the test unless the account has so much of the asset
// available and locked, as decimals ("2.5"). An account without such a position
// has "0" of both.
func (c *Custodian) RequirePosition(account, symbol, available, locked string) {
	c.t.Helper()
	list, err := c.Custody.ListPositions(c.t.Context(), &pb.ListPositionsRequest{AccountId: account, Symbol: symbol})
	if err != nil {
		c.t.Fatalf("reading the position of %s in %s: %v", account, symbol, err)
	}
	gotAvailable, gotLocked := "0", "0"
	if positions := list.GetPositions(); len(positions) > 0 { // one at most
		gotAvailable, gotLocked = positions[0].GetAvailableQuantity(), positions[0].GetLockedQuantity()
	}
	c.requireAmounts(account, symbol, gotAvailable, gotLocked, available, locked)
}

// RequireBalance fails the test unless the account has so much of the currency
// available and locked, as decimals ("1000.00"). An account without such a balance
// has "0" of both.
func (c *Custodian) RequireBalance(account, currency, available, locked string) {
	c.t.Helper()
	list, err := c.Custody.ListBalances(c.t.Context(), &pb.ListBalancesRequest{AccountId: account, Currency: currency})
	if err != nil {
		c.t.Fatalf("reading the balance of %s in %s: %v", account, currency, err)
	}
	gotAvailable, gotLocked := "0", "0"
	if balances := list.GetBalances(); len(balances) > 0 { // one at most
		gotAvailable, gotLocked = balances[0].GetAvailableBalance(), balances[0].GetLockedBalance()
	}
	c.requireAmounts(account, currency, gotAvailable, gotLocked, available, locked)
}

func (c *Custodian) requireAmounts(account, asset, gotAvailable, gotLocked, available, locked string) {
	c.t.Helper()
	if !c.same(gotAvailable, available) || !c.same(gotLocked, locked) {
		c.t.Fatalf("%s has %s %s available and %s locked, want %s and %s",
			account, gotAvailable, asset, gotLocked, available, locked)
	}
}

// same says whether two decimals are the same amount: 1.50 is 1.5.
func (c *Custodian) same(got, want string) bool {
	c.t.Helper()
	wanted, err := money.Parse(want)
	if err != nil {
		c.t.Fatalf("custodiantest: %q is no amount: %v", want, err)
	}
	have, err := money.Parse(got)
	if err != nil {
		c.t.Fatalf("the custodian answered an amount %q: %v", got, err)
	}
	return have.Cmp(wanted) == 0
}

// RequireSettlement fails the test unless the settlement of that id has the
// status, such as COMPLETED, and returns it.
func (c *Custodian) RequireSettlement(id, status string) *pb.Settlement {
	c.t.Helper()
	s, err := c.Settlements.GetSettlement(c.t.Context(), &pb.GetSettlementRequest{SettlementId: id})
	if err != nil {
		c.t.Fatalf("reading settlement %s: %v", id, err)
	}
	if s.GetStatus() != status {
		c.t.Fatalf("settlement %s is %s %s %s, want %s", id, s.GetStatus(), s.GetReason(), s.GetReasonText(), status)
	}
	return s
}

// RequireTransfer fails the test unless the transfer of that id has the status,
// such as COMPLETED, and returns it.
func (c *Custodian) RequireTransfer(id, status string) *pb.Transfer {
	c.t.Helper()
	transfer, err := c.Transfers.GetTransfer(c.t.Context(), &pb.GetTransferRequest{TransferId: id})
	if err != nil {
		c.t.Fatalf("reading transfer %s: %v", id, err)
	}
	if transfer.GetStatus() != status {
		c.t.Fatalf("transfer %s is %s %s %s, want %s", id, transfer.GetStatus(), transfer.GetReason(), transfer.GetReasonText(), status)
	}
	return transfer
}

// Events returns all that has happened so far behind the event of the given
// number, oldest first; 0 for everything.
func (c *Custodian) Events(after uint64) []*pb.Event {
	c.t.Helper()
	var all []*pb.Event
	for {
		page, err := c.Reporting.ListEvents(c.t.Context(), &pb.ListEventsRequest{After: after})
		if err != nil {
			c.t.Fatalf("reading the events: %v", err)
		}
		if len(page.GetEvents()) == 0 {
			return all
		}
		all = append(all, page.GetEvents()...)
		after = page.GetNextAfter()
	}
}
