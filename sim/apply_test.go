package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// tampered is a change to an event that a replay must refuse.
type tampered struct {
	name   string
	change func(*sim.Event)
	says   string // part of the refusal
}

// ledger returns books with one batch in which a client has 10 BTC and 100 USD,
// 4 BTC of them locked, and one deposit is held.
func ledger(t *testing.T) *books {
	b := newBooks(t)
	b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("6"), Locked: amount("4")})
	b.accept(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD", Available: amount("100")})
	b.accept(sim.OpenHolding{AccountID: "b", Symbol: "ETH"})
	b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), ExternalID: "e", Hold: true})
	b.seal()
	return b
}

// copyOf returns an event whose records can be changed.
func copyOf(e *sim.Event) *sim.Event {
	c := *e
	c.Holdings, c.Mirrors, c.Settlements = nil, nil, nil
	for _, h := range e.Holdings {
		h := *h
		c.Holdings = append(c.Holdings, &h)
	}
	for _, m := range e.Mirrors {
		m := *m
		c.Mirrors = append(c.Mirrors, &m)
	}
	for _, s := range e.Settlements {
		s := *s
		c.Settlements = append(c.Settlements, &s)
	}
	c.Postings = append([]sim.Posting(nil), e.Postings...)
	return &c
}

// checkTampering lets a command make an event, changes it, and replays it with
// a hash that fits: the hash does not protect against who can compute it.
func checkTampering(t *testing.T, command sim.Command, cases []tampered) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := ledger(t)
			first := b.batches[0]
			b.accept(command)
			event := copyOf(b.open[len(b.open)-1])
			generator := b.state.Progress().Generator
			c.change(event)

			replay := sim.NewState(wideRules(), sim.NewGenerator("books", 1))
			if err := replay.ApplyBatch(first); err != nil {
				t.Fatal(err)
			}
			err := replay.ApplyBatch(sim.NewBatch(first.Hash, []*sim.Event{event}, generator))
			if c.says == "" {
				if err != nil {
					t.Errorf("the genuine event is refused: %v", err)
				}
				return
			}
			if !errors.Is(err, sim.ErrBrokenInvariant) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("replay answers %v, want a broken invariant that says %q", err, c.says)
			}
		})
	}
}

func TestReplayRefusesTamperedMovements(t *testing.T) {
	t.Parallel()
	deposit := sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("3")}
	checkTampering(t, deposit, []tampered{
		{"nothing changed", func(*sim.Event) {}, ""},
		{"more in the holding", func(e *sim.Event) { e.Holdings[0].Available = amount("10") }, "its postings say"},
		{"more locked", func(e *sim.Event) { e.Holdings[0].Locked = amount("5") }, "its postings say"},
		{"less in the mirror", func(e *sim.Event) { e.Mirrors[0].Balance = amount("-14") }, "its postings say"},
		{"another amount posted", func(e *sim.Event) { e.Postings[0].Amount = amount("4") }, "its postings say"},
		{"another symbol posted", func(e *sim.Event) { e.Postings[0].Symbol = "ETH" }, "its postings say"},
		{"another bucket posted", func(e *sim.Event) { e.Postings[0].Credit.Bucket = sim.BucketLocked }, "its postings say"},
		{"another account posted", func(e *sim.Event) { e.Postings[0].Credit.AccountID = "b" }, "its postings say"},
		{"no posting", func(e *sim.Event) { e.Postings = nil }, "its postings say"},
		{"posted twice", func(e *sim.Event) { e.Postings = append(e.Postings, e.Postings[0]) }, "its postings say"},
		{"negative posting", func(e *sim.Event) { e.Postings[0].Amount = amount("-3") }, "not positive"},
		{"empty posting", func(e *sim.Event) { e.Postings = append(e.Postings, sim.Posting{Symbol: "BTC"}) }, "not positive"},
		{"mirror missing", func(e *sim.Event) { e.Mirrors = nil }, "sides"},
		{"holding missing", func(e *sim.Event) { e.Holdings = nil }, "sides"},
		{"mirror missing, holding twice", func(e *sim.Event) { e.Mirrors, e.Holdings = nil, append(e.Holdings, e.Holdings[0]) }, "twice"},
		{"holding missing, mirror twice", func(e *sim.Event) { e.Holdings, e.Mirrors = nil, append(e.Mirrors, e.Mirrors[0]) }, "twice"},
		{"another id", func(e *sim.Event) { e.Holdings[0].ID = stranger }, "identity"},
		{"turned into cash", func(e *sim.Event) { e.Holdings[0].Cash = true }, "identity"},
		{"the mirror's other account", func(e *sim.Event) {
			e.Mirrors = append(e.Mirrors, &sim.Mirror{Account: sim.Depository, Symbol: "USD", Balance: amount("-100")})
		}, "identity"},
		{"a mirror of a client", func(e *sim.Event) { e.Mirrors = append(e.Mirrors, &sim.Mirror{Account: "a", Symbol: "XRP"}) }, "mirror"},
		{"a number too high", func(e *sim.Event) { e.Sequence++ }, "follows"},
		{"a number too low", func(e *sim.Event) { e.Sequence-- }, "follows"},
		{"before its time", func(e *sim.Event) { e.Time = start.Add(-time.Second) }, "earlier"},
		{"removed but not empty", func(e *sim.Event) { e.Holdings[0].Removed = true }, "not empty"},
	})
}

func TestReplayRefusesHoldingsThatBecomeNegative(t *testing.T) {
	t.Parallel()
	withdrawal := sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("6")}
	checkTampering(t, withdrawal, []tampered{
		{"nothing changed", func(*sim.Event) {}, ""},
		{"more than there is, balanced", func(e *sim.Event) {
			e.Postings[0].Amount, e.Holdings[0].Available, e.Mirrors[0].Balance = amount("7"), amount("-1"), amount("-3")
		}, "negative"},
	})
	lock := func(h *sim.Holding) sim.Command { return sim.LockHolding{ID: h.ID, Amount: amount("6")} }
	checkTampering(t, lock(ledger(t).holding("a", "BTC")), []tampered{
		{"nothing changed in a lock", func(*sim.Event) {}, ""},
		{"more locked than there is, balanced", func(e *sim.Event) {
			e.Postings[0].Amount, e.Holdings[0].Available, e.Holdings[0].Locked = amount("7"), amount("-1"), amount("11")
		}, "negative"},
	})
}

func TestReplayRefusesRecordsThatTakeTheIdentityOfOthers(t *testing.T) {
	t.Parallel()
	taken := ledger(t).holding("b", "ETH").ID
	checkTampering(t, sim.OpenHolding{AccountID: "b", Symbol: "BTC"}, []tampered{
		{"nothing changed", func(*sim.Event) {}, ""},
		{"the id of another holding", func(e *sim.Event) { e.Holdings[0].ID = taken }, "identity"},
		{"removal of what is not there", func(e *sim.Event) { e.Holdings[0].Removed = true }, "not there"},
	})
}

func TestReplayRefusesTamperedSettlements(t *testing.T) {
	t.Parallel()
	var held uuid.UUID
	for _, s := range ledger(t).state.Snapshot().Open {
		held = s.ID
	}
	cases := []tampered{
		{"nothing changed", func(*sim.Event) {}, ""},
		{"another quantity", func(e *sim.Event) { e.Settlements[0].Quantity = amount("2") }, "identity"},
		{"another symbol", func(e *sim.Event) { e.Settlements[0].Symbol = "ETH" }, "identity"},
		{"another account", func(e *sim.Event) { e.Settlements[0].AccountID = "b" }, "identity"},
		{"another type", func(e *sim.Event) { e.Settlements[0].Type = sim.Withdrawal }, "identity"},
		{"another external id", func(e *sim.Event) { e.Settlements[0].ExternalID = "f" }, "identity"},
		{"more settled than instructed", func(e *sim.Event) { e.Settlements[0].Settled = amount("1.5") }, "settled"},
		{"less than nothing settled", func(e *sim.Event) { e.Settlements[0].Settled = amount("-1") }, "settled"},
		{"twice", func(e *sim.Event) { e.Settlements = append(e.Settlements, e.Settlements[0]) }, "twice"},
	}
	checkTampering(t, sim.CancelSettlement{ID: held}, cases)
	checkTampering(t, sim.ReleaseSettlement{ID: held}, []tampered{
		{"release with nothing changed", func(*sim.Event) {}, ""},
		{"completed with less", func(e *sim.Event) { e.Settlements[0].Settled = amount("0.5") }, "settled"},
	})
}

func TestLoadingRefusesBooksThatDoNotBalance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sim.Snapshot){
		"a holding changed":   func(s *sim.Snapshot) { h := *s.Holdings[0]; h.Available = amount("1"); s.Holdings[0] = &h },
		"a holding missing":   func(s *sim.Snapshot) { s.Holdings = s.Holdings[1:] },
		"a mirror missing":    func(s *sim.Snapshot) { s.Mirrors = s.Mirrors[1:] },
		"a negative holding":  func(s *sim.Snapshot) { h := *s.Holdings[0]; h.Locked = amount("-1"); s.Holdings[0] = &h },
		"a broken generator":  func(s *sim.Snapshot) { s.Projected.Generator = []byte("x") },
		"a missing generator": func(s *sim.Snapshot) { s.Projected.Generator = nil },
		"a counter too high": func(s *sim.Snapshot) {
			g := append([]byte(nil), s.Projected.Generator...)
			g[28] = 0xff
			s.Projected.Generator = g
		},
		"a generator of noise": func(s *sim.Snapshot) { s.Projected.Generator = make([]byte, len(s.Projected.Generator)) },
	} {
		snap := ledger(t).state.Snapshot()
		change(snap)
		if _, err := sim.LoadState(wideRules(), sim.NewGenerator("books", 1), snap); !errors.Is(err, sim.ErrBrokenInvariant) {
			t.Errorf("%s: loading answers %v", name, err)
		}
	}
}
