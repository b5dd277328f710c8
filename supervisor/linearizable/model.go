package linearizable

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Accounts is how many accounts hold each asset.
const Accounts = 3

// Kind is what an operation does.
type Kind string

// The kinds of operations.
const (
	Deposit  Kind = "deposit"
	Withdraw Kind = "withdraw"
	Transfer Kind = "transfer"
	Lock     Kind = "lock"
	Unlock   Kind = "unlock"
	// Read reads one holding, List those of all accounts.
	Read Kind = "read"
	List Kind = "list"
)

// Input is what a client asks for.
type Input struct {
	Asset string
	Kind  Kind
	// Account is the one at hand, Other the one that a transfer goes to.
	Account, Other int
	Amount         int64
}

// Holding is what an account has of an asset.
type Holding struct{ Available, Locked int64 }

// Output is what a client was answered.
type Output struct {
	// Unknown tells that there was no answer: it may have been done at any later
	// time, or never.
	Unknown bool
	// Refused tells that there was not enough.
	Refused bool
	// Shown are the holdings that the answer has: of all accounts for lists, else
	// of the one at hand. Those that it does not have are nil.
	Shown [Accounts]*Holding
}

// state has the holdings of one asset.
type state [Accounts]Holding

// model returns the specification of holdings that begin with what is given in
// each account.
func model(opening int64) porcupine.Model {
	return porcupine.Model{
		Partition: byAsset,
		Init: func() any {
			var s state
			for i := range s {
				s[i].Available = opening
			}
			return s
		},
		Step: func(current, input, output any) (bool, any) {
			s, _ := current.(state)
			in, _ := input.(Input)
			out, _ := output.(Output)
			next, done := s.after(in)
			if out.Unknown {
				return true, next
			}
			return done != out.Refused && next.shows(out), next
		},
		DescribeOperation: func(input, output any) string { return describe(input, output) },
		DescribeState:     func(s any) string { return fmt.Sprint(s) },
	}
}

// after returns what an operation leaves, and whether there was enough for it.
func (s state) after(in Input) (next state, done bool) {
	next = s
	switch in.Kind {
	case Deposit:
		next[in.Account].Available += in.Amount
	case Withdraw:
		next[in.Account].Available -= in.Amount
	case Transfer:
		next[in.Account].Available -= in.Amount
		next[in.Other].Available += in.Amount
	case Lock:
		next[in.Account].Available -= in.Amount
		next[in.Account].Locked += in.Amount
	case Unlock:
		next[in.Account].Locked -= in.Amount
		next[in.Account].Available += in.Amount
	}
	if at := next[in.Account]; at.Available < 0 || at.Locked < 0 {
		return s, false
	}
	return next, true
}

// shows reports whether an answer shows the state, as far as it shows any.
func (s state) shows(out Output) bool {
	for i, shown := range out.Shown {
		if shown != nil && *shown != s[i] {
			return false
		}
	}
	return true
}

// byAsset takes a history apart.
func byAsset(history []porcupine.Operation) [][]porcupine.Operation {
	at := map[string]int{}
	var parts [][]porcupine.Operation
	for _, o := range history {
		in, _ := o.Input.(Input)
		i, known := at[in.Asset]
		if !known {
			i = len(parts)
			at[in.Asset] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

func describe(input, output any) string {
	in, _ := input.(Input)
	out, _ := output.(Output)
	text := fmt.Sprintf("%s %s", in.Kind, in.Asset)
	switch in.Kind {
	case List:
	case Read:
		text += fmt.Sprintf(" of %d", in.Account)
	case Transfer:
		text += fmt.Sprintf(" %d from %d to %d", in.Amount, in.Account, in.Other)
	default:
		text += fmt.Sprintf(" %d of %d", in.Amount, in.Account)
	}
	switch {
	case out.Unknown:
		return text + ": unknown"
	case out.Refused:
		return text + ": refused"
	}
	var shown []string
	for i, h := range out.Shown {
		if h != nil {
			shown = append(shown, fmt.Sprintf("%d has %d+%d", i, h.Available, h.Locked))
		}
	}
	if len(shown) == 0 {
		return text + ": done"
	}
	return text + ": " + strings.Join(shown, ", ")
}
