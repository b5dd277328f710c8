package sim

import (
	"strconv"
	"strings"
)

// frozen reports whether an account is frozen.
func (s *State) frozen(accountID string) bool {
	a := s.accounts[accountID]
	return a != nil && a.Status == AccountFrozen
}

// checkUsable refuses accounts that are frozen or closed: nothing moves in or out
// of them and nothing of what they have is locked or unlocked. Accounts that are
// not open yet pass.
func (s *State) checkUsable(field, accountID string) *Error {
	a := s.accounts[accountID]
	if a == nil || a.Status == AccountActive {
		return nil
	}
	message := "account " + quote(accountID) + " is " + string(a.Status)
	if a.Status == AccountFrozen {
		message += "; make it " + string(AccountActive) + " first"
	}
	return &Error{Code: CodeWrongState, Field: field, Message: message}
}

// checkStatus checks that an account may take on a status.
func (d *decision) checkStatus(a *Account, to AccountStatus) *Error {
	allowed := strings.Join(AccountStatuses(), ", ")
	switch to {
	case "", a.Status:
		return nil
	case AccountActive, AccountFrozen:
		return nil // a closed account is refused before
	case AccountClosed:
	default:
		return Invalid("status", "%s is not known; allowed: %s", quote(string(to)), allowed)
	}
	if a.Status == AccountFrozen {
		return &Error{Code: CodeWrongState, Field: "status",
			Message: "account " + quote(a.AccountID) + " is " + string(AccountFrozen) + " and cannot be closed; make it " + string(AccountActive) + " first"}
	}
	if why := d.notEmpty(a); why != "" {
		return &Error{Code: CodeWrongState, Field: "status", Message: "account " + quote(a.AccountID) + " cannot be closed: " + why}
	}
	return nil
}

// notEmpty says what keeps an account from being closed, or nothing.
func (d *decision) notEmpty(a *Account) string {
	for _, b := range d.balancesOf([]string{a.AccountID}) {
		switch {
		case !b.Available.IsZero() || !b.Locked.IsZero():
			return "it holds " + b.Available.String() + " " + b.Symbol + " available and " + b.Locked.String() + " locked"
		case !b.PendingIn.IsZero() || !b.InTransit.IsZero():
			return b.PendingIn.String() + " " + b.Symbol + " is on its way in and " + b.InTransit.String() + " on its way out"
		}
	}
	open := 0
	for _, s := range d.open {
		if s.AccountID == a.AccountID || s.SourceAccount == a.AccountID || s.DestinationAccount == a.AccountID ||
			(s.Terms != nil && s.Terms.CounterpartyAccount == a.AccountID) {
			open++
		}
	}
	if open > 0 {
		return strconv.Itoa(open) + " of its settlements are open"
	}
	for _, t := range d.transfers {
		if t.AccountID == a.AccountID || t.CreditAccount == a.AccountID {
			open++
		}
	}
	if open > 0 {
		return strconv.Itoa(open) + " of its transfers are under way or may still be returned"
	}
	if a.Type == AccountMaster {
		for _, id := range d.clients[a.ClientID].accounts {
			if other := d.accounts[id]; other.Type == AccountSegregated && other.Status != AccountClosed {
				return "it is the master account of client " + quote(a.ClientID) + ", whose segregated account " + quote(id) + " is not closed"
			}
		}
	}
	return ""
}

// checkMaster refuses a second master account of a client.
func (d *decision) checkMaster(c OpenAccount) *Error {
	clientID := c.ClientID
	if clientID == "" {
		clientID = c.AccountID
	}
	known := d.clients[clientID]
	if c.Type == AccountSegregated || known == nil || known.master == "" {
		return nil
	}
	return &Error{Code: CodeAlreadyExists, Field: "account_type",
		Message: "client " + quote(clientID) + " has the master account " + quote(known.master) + " already; open this one as " + string(AccountSegregated)}
}
