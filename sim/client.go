package sim

import (
	"cmp"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// AccountBalances is what one account of a client holds, by symbol.
type AccountBalances struct {
	Account *Account
	// Balances are ordered by symbol: positions and cash alike.
	Balances []SymbolBalance
}

// SymbolBalance is what is held of one asset, in one account or in several.
type SymbolBalance struct {
	Symbol string
	// Cash tells a balance from a position.
	Cash bool
	// Available and Locked make up the total; Reserved is the part of Locked that
	// instructions and transfers have reserved.
	Available money.Amount
	Locked    money.Amount
	Reserved  money.Amount
	// PendingIn and InTransit are on their way and no part of the total.
	PendingIn money.Amount
	InTransit money.Amount
}

// Total returns available plus locked.
func (b *SymbolBalance) Total() money.Amount { return b.Available.Add(b.Locked) }

// MasterBalance is a client's master account with all that the client holds.
type MasterBalance struct {
	// Account is the client's master account; nil where it has segregated
	// accounts alone.
	Account *Account
	// Own is what the master account itself holds, Total what all accounts of
	// the client hold together; both by symbol.
	Own   []SymbolBalance
	Total []SymbolBalance
}

// client is what the books know of a client: its accounts.
type client struct {
	// master is the id of its master account that is not closed, or empty.
	master string
	// accounts are the ids of all its accounts, ordered.
	accounts []string
}

// putAccount takes over an account, with what follows from it.
func (s *State) putAccount(a *Account) {
	known := s.accounts[a.AccountID] != nil
	s.accounts[a.AccountID] = a
	c := s.clients[a.ClientID]
	if c == nil {
		c = &client{}
		s.clients[a.ClientID] = c
	}
	if !known {
		at, _ := slices.BinarySearch(c.accounts, a.AccountID)
		c.accounts = slices.Insert(c.accounts, at, a.AccountID)
	}
	switch {
	case a.Type != AccountMaster:
	case a.Status != AccountClosed:
		c.master = a.AccountID
	case c.master == a.AccountID:
		c.master = ""
	}
}

// putHolding takes over a holding.
func (s *State) putHolding(h *Holding) {
	key := h.Key()
	if h.Removed {
		delete(s.holdings, key)
		delete(s.byID, h.ID)
		s.held[h.AccountID] = slices.DeleteFunc(s.held[h.AccountID], func(symbol string) bool { return symbol == h.Symbol })
		return
	}
	before := len(s.holdings)
	s.holdings[key], s.byID[h.ID] = h, h
	if len(s.holdings) > before {
		s.held[h.AccountID] = append(s.held[h.AccountID], h.Symbol)
	}
}

// MasterBalance returns a client's master account and the sums over all of the
// client's accounts. It fails with [CodeNotFound] for a client without accounts.
func (s *State) MasterBalance(clientID string) (*MasterBalance, *Error) {
	c := s.clients[clientID]
	if c == nil {
		return nil, Errorf(CodeNotFound, "client %s has no account", quote(clientID))
	}
	m := &MasterBalance{Account: s.accounts[c.master], Total: s.balancesOf(c.accounts)}
	if m.Account != nil {
		m.Own = s.balancesOf([]string{c.master})
	}
	return m, nil
}

// SegregatedBalances returns a client's segregated accounts, ordered by id, with
// what each holds. It fails with [CodeNotFound] for a client without accounts.
func (s *State) SegregatedBalances(clientID string) ([]AccountBalances, *Error) {
	c := s.clients[clientID]
	if c == nil {
		return nil, Errorf(CodeNotFound, "client %s has no account", quote(clientID))
	}
	out := []AccountBalances{}
	for _, id := range c.accounts {
		if a := s.accounts[id]; a.Type == AccountSegregated {
			out = append(out, AccountBalances{Account: a, Balances: s.balancesOf([]string{id})})
		}
	}
	return out, nil
}

// balancesOf sums what accounts hold, by symbol.
func (s *State) balancesOf(accounts []string) []SymbolBalance {
	sums := make(map[string]*SymbolBalance)
	for _, id := range accounts {
		for _, symbol := range s.held[id] {
			h, b := s.holdings[HoldingKey{id, symbol}], sums[symbol]
			if b == nil {
				b = &SymbolBalance{Symbol: symbol, Cash: h.Cash}
				sums[symbol] = b
			}
			b.Available, b.Locked, b.Reserved = b.Available.Add(h.Available), b.Locked.Add(h.Locked), b.Reserved.Add(h.Reserved)
			b.PendingIn, b.InTransit = b.PendingIn.Add(h.PendingIn), b.InTransit.Add(h.Transit)
		}
	}
	out := make([]SymbolBalance, 0, len(sums))
	for _, b := range sums {
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b SymbolBalance) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return out
}
