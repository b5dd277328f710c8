package linearizable_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/linearizable"
)

const patience = time.Minute

// shown is an answer that shows the first account.
func shown(available, locked int64) linearizable.Output {
	return linearizable.Output{Shown: [linearizable.Accounts]*linearizable.Holding{{Available: available, Locked: locked}}}
}

// step is an operation that begins and ends; steps in one another overlap.
type step struct {
	in     linearizable.Input
	out    linearizable.Output
	during []step
}

func play(h *linearizable.History, steps []step) {
	for _, s := range steps {
		answered := h.Begin(h.Client(), s.in)
		play(h, s.during)
		answered(s.out)
	}
}

func TestHistoriesAreToldApart(t *testing.T) {
	t.Parallel()
	input := func(kind linearizable.Kind, amount int64) linearizable.Input {
		return linearizable.Input{Asset: "BTC", Kind: kind, Account: 0, Other: 1, Amount: amount}
	}
	read := input(linearizable.Read, 0)
	done, refused, unknown := linearizable.Output{}, linearizable.Output{Refused: true}, linearizable.Output{Unknown: true}
	all := func(a, b, c int64) linearizable.Output {
		return linearizable.Output{Shown: [linearizable.Accounts]*linearizable.Holding{{Available: a}, {Available: b}, {Available: c}}}
	}
	for name, c := range map[string]struct {
		steps []step
		want  bool
	}{
		"what was deposited is read":       {[]step{{input(linearizable.Deposit, 5), done, nil}, {read, shown(15, 0), nil}}, true},
		"a read is stale":                  {[]step{{input(linearizable.Deposit, 5), done, nil}, {read, shown(10, 0), nil}}, false},
		"a read overlaps, before":          {[]step{{input(linearizable.Deposit, 5), done, []step{{read, shown(10, 0), nil}}}}, true},
		"a read overlaps, after":           {[]step{{input(linearizable.Deposit, 5), done, []step{{read, shown(15, 0), nil}}}}, true},
		"reads go back":                    {[]step{{input(linearizable.Deposit, 5), done, []step{{read, shown(15, 0), nil}, {read, shown(10, 0), nil}}}}, false},
		"unknown and done":                 {[]step{{input(linearizable.Deposit, 5), unknown, nil}, {read, shown(10, 0), nil}, {read, shown(15, 0), nil}}, true},
		"unknown and not done":             {[]step{{input(linearizable.Deposit, 5), unknown, nil}, {read, shown(10, 0), nil}}, true},
		"unknown and done twice":           {[]step{{input(linearizable.Deposit, 5), unknown, nil}, {read, shown(20, 0), nil}}, false},
		"a withdrawal lost":                {[]step{{input(linearizable.Withdraw, 5), done, nil}, {input(linearizable.Withdraw, 6), done, nil}}, false},
		"a withdrawal refused for nothing": {[]step{{input(linearizable.Withdraw, 10), refused, nil}}, false},
		"a withdrawal refused for lack":    {[]step{{input(linearizable.Withdraw, 11), refused, nil}, {read, shown(10, 0), nil}}, true},
		"a lock and its answer":            {[]step{{input(linearizable.Lock, 4), shown(6, 4), nil}, {input(linearizable.Unlock, 5), refused, nil}}, true},
		"a lock that shows another":        {[]step{{input(linearizable.Lock, 4), shown(10, 4), nil}}, false},
		"a transfer seen whole":            {[]step{{input(linearizable.Transfer, 3), done, nil}, {input(linearizable.List, 0), all(7, 13, 10), nil}}, true},
		"a transfer seen by half": {[]step{{input(linearizable.Transfer, 3), done, []step{
			{input(linearizable.List, 0), all(7, 10, 10), nil}}}}, false},
		"lists go back": {[]step{{input(linearizable.Transfer, 3), done, []step{
			{input(linearizable.List, 0), all(7, 13, 10), nil}, {input(linearizable.List, 0), all(10, 10, 10), nil}}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := linearizable.NewHistory(10)
			play(h, c.steps)
			err := h.Check(t.ArtifactDir(), "history", patience)
			violation, found := errors.AsType[*linearizable.Violation](err)
			if found == c.want || !found && err != nil {
				t.Fatalf("Check: %v, linearizable %t", err, c.want)
			}
			if !found {
				return
			}
			page, err := os.ReadFile(violation.Picture)
			if err != nil || !strings.Contains(string(page), "<html") {
				t.Errorf("the picture %s: %v", violation.Picture, err)
			}
		})
	}
}
