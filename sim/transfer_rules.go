package sim

import "fmt"

// maxOpenTransfers is how many transfers may be open at a time.
func (s *State) maxOpenTransfers() int {
	if s.rules.MaxOpenTransfers > 0 {
		return s.rules.MaxOpenTransfers
	}
	return s.rules.MaxOpenSettlements
}

// matterOf is the transfer as fault rules see it.
func (t *Transfer) matter() matter {
	return matter{rail: t.Rail, account: t.AccountID, symbol: t.Symbol, amount: t.Quantity}
}

// checkTransfer checks that what was asked for stays, that no part is negative,
// and that nothing is under way of what is done.
func (s *State) checkTransfer(t *Transfer) error {
	if before := s.transfers[t.ID]; before != nil {
		if before.Rail != t.Rail || before.Direction != t.Direction || before.AccountID != t.AccountID || before.Symbol != t.Symbol ||
			before.ExternalID != t.ExternalID || !before.Quantity.Equal(t.Quantity) || before.CreditAccount != t.CreditAccount {
			return fmt.Errorf("transfer %s changes its identity", t.ID)
		}
		if len(t.Approvals) < len(before.Approvals) {
			return fmt.Errorf("transfer %s has fewer approvals than before", t.ID)
		}
	}
	if t.Reserved.Sign() < 0 || t.Transit.Sign() < 0 || t.PendingIn.Sign() < 0 || t.Fee.Sign() < 0 || t.MaxFee.Less(t.Fee) || t.Shortfall.Sign() < 0 {
		return fmt.Errorf("transfer %s has a negative part, or a fee of %s above %s", t.ID, t.Fee, t.MaxFee)
	}
	if underWay := t.Reserved.Add(t.Transit).Add(t.PendingIn); t.Status.Final() && !underWay.IsZero() {
		return fmt.Errorf("transfer %s is %s with %s under way", t.ID, t.Status, underWay)
	}
	return nil
}
