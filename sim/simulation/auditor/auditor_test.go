package auditor_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
)

// history is the journal of a seed.
type history struct {
	world   *simulation.World
	batches []*sim.Batch
}

// histories are a few journals in which everything happens.
var histories = sync.OnceValues(func() ([]history, error) {
	var out []history
	for seed := uint64(1); seed <= 12; seed++ {
		w := simulation.NewWorld(seed)
		var books *simulation.Books
		_, err := simulation.Run(simulation.Options{Seed: seed, Steps: 300}, func(w *simulation.World) (simulation.Target, error) {
			t, err := simulation.NewBooks(w)
			books, _ = t.(*simulation.Books)
			return t, err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, history{w, books.Batches()})
	}
	return out, nil
})

func newAuditor(w *simulation.World) *auditor.Auditor {
	return auditor.New(auditor.Config{Profile: w.Profile, Decimals: func(symbol string) int { return w.Rules.Assets.Lookup(symbol).Decimals }})
}

// falsified audits the history with every event falsified, and returns the first
// error.
func falsified(t *testing.T, h history, falsify func(e *sim.Event)) error {
	t.Helper()
	a := newAuditor(h.world)
	var hash sim.Digest
	for _, stored := range h.batches {
		b := *stored
		if err := b.Decode(); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Events {
			falsify(e)
		}
		untrue := sim.NewBatch(hash, b.Events, b.Generator)
		hash = untrue.Hash
		if err := a.Batch(untrue); err != nil {
			return err
		}
	}
	return nil
}

func add(a *money.Amount) { *a = a.Add(money.MustParse("1")) }

// once returns a falsification that is made once.
func once(falsify func(e *sim.Event) bool) func() func(*sim.Event) {
	return func() func(*sim.Event) {
		done := false
		return func(e *sim.Event) {
			if !done {
				done = falsify(e)
			}
		}
	}
}

// ofSettlement falsifies the first settlement for which it can.
func ofSettlement(falsify func(st *sim.Settlement) bool) func() func(*sim.Event) {
	return once(func(e *sim.Event) bool {
		for _, st := range e.Settlements {
			if falsify(st) {
				return true
			}
		}
		return false
	})
}

func ofTransfer(falsify func(t *sim.Transfer) bool) func() func(*sim.Event) {
	return once(func(e *sim.Event) bool {
		for _, t := range e.Transfers {
			if falsify(t) {
				return true
			}
		}
		return false
	})
}

func TestEveryFalsehoodIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		falsify func() func(*sim.Event)
		finds   string // in the error
	}{
		"a posting of another amount": {once(func(e *sim.Event) bool {
			if len(e.Postings) > 0 {
				add(&e.Postings[0].Amount)
			}
			return len(e.Postings) > 0
		}), "by its postings"},
		"a posting that is missing": {once(func(e *sim.Event) bool {
			if len(e.Settlements) == 0 || len(e.Postings) == 0 {
				return false
			}
			e.Postings = e.Postings[1:]
			return true
		}), "by its postings"},
		"a holding of which there is no record": {once(func(e *sim.Event) bool {
			if len(e.Postings) == 0 || len(e.Holdings) == 0 {
				return false
			}
			e.Holdings = e.Holdings[1:]
			return true
		}), "no record"},
		"a mirror account that is something else": {once(func(e *sim.Event) bool {
			if len(e.Mirrors) > 0 {
				add(&e.Mirrors[0].Balance)
			}
			return len(e.Mirrors) > 0
		}), "mirror account"},
		"time that goes backwards": {once(func(e *sim.Event) bool {
			if e.Sequence < 30 {
				return false
			}
			e.Time = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			return true
		}), "backwards"},
		"more settled than instructed": {ofSettlement(func(st *sim.Settlement) bool {
			st.Settled = st.Quantity.Add(money.MustParse("1"))
			return true
		}), "settled of"},
		"a settlement that moves nothing": {ofSettlement(func(st *sim.Settlement) bool {
			if st.Status != sim.StatusFailed || !st.Settled.IsZero() {
				return false
			}
			st.Status, st.Settled, st.Settlement.Status = sim.StatusCompleted, st.Quantity, sim.SettlementSettled
			return true
		}), ""},
		"a plain status that does not follow": {ofSettlement(func(st *sim.Settlement) bool {
			if st.Status != sim.StatusInProgress {
				return false
			}
			st.Status = sim.StatusPending
			return true
		}), "it is PENDING with"},
		"a match that is taken back": {func() func(*sim.Event) {
			seen := make(map[uuid.UUID]bool)
			return func(e *sim.Event) {
				for _, st := range e.Settlements {
					if seen[st.ID] {
						st.Matching.Status = sim.MatchingUnmatched
					}
					seen[st.ID] = seen[st.ID] || st.Matching.Status == sim.MatchingMatched
				}
			}
		}, `matching goes from "MATCHED"`},
		"a reservation of another amount": {ofSettlement(func(st *sim.Settlement) bool {
			if st.Status != sim.StatusInProgress || st.Reserved.IsZero() {
				return false
			}
			add(&st.Reserved)
			return true
		}), "what is open sums to"},
		"one leg without the other": {once(func(e *sim.Event) bool {
			for i, st := range e.Settlements {
				if st.MatchedWith != (uuid.UUID{}) && st.Status == sim.StatusCompleted && len(e.Settlements) > 1 {
					e.Settlements = append(e.Settlements[:i:i], e.Settlements[i+1:]...)
					return true
				}
			}
			return false
		}), ""},
		"a value date that is not awaited": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, st := range e.Settlements {
					st.ExpectedDate = "2099-01-01"
				}
			}
		}, "with value date 2099-01-01"},
		"a history that is rewritten": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, st := range e.Settlements {
					st.History[0].Reason = e.Time.String()
				}
			}
		}, "of its history changes"},
		"a penalty before its time": {ofSettlement(func(st *sim.Settlement) bool {
			add(&st.Penalty)
			return true
		}), "a penalty of"},
		"something after the end": {func() func(*sim.Event) {
			var final *sim.Settlement
			return func(e *sim.Event) {
				switch {
				case final == nil && len(e.Settlements) > 0 && e.Settlements[0].Status.Final():
					final = e.Settlements[0]
				case final != nil && len(e.Settlements) == 0 && len(e.Transfers) == 0:
					e.Settlements = append(e.Settlements, final)
				}
			}
		}, "which is final"},
		"an external id that is used twice": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, st := range e.Settlements {
					st.ExternalID = "same"
				}
			}
		}, "external id"},
		"an idempotency key that is used twice": {func() func(*sim.Event) {
			return func(e *sim.Event) { e.Key = &sim.IdempotencyKey{Key: "same"} }
		}, "a second time"},
		"a request that is carried out twice": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, st := range e.Settlements {
					st.Metadata = auditor.Mark(7)
				}
			}
		}, "carried out by event"},
		"a movement of a frozen account": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, account := range e.Accounts {
					account.Status = sim.AccountFrozen
				}
			}
		}, "is FROZEN"},
		"an approval of one's own request": {ofTransfer(func(t *sim.Transfer) bool {
			if len(t.Approvals) == 0 {
				return false
			}
			t.Approvals[0].By = strings.ToUpper(t.RequestedBy)
			return true
		}), "on the request of"},
		"an approval too few": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, t := range e.Transfers {
					t.ApprovalsRequired = 9
				}
			}
		}, "of 9 approvals"},
		"a stage that does not follow": {ofTransfer(func(t *sim.Transfer) bool {
			last := len(t.History) - 1
			if t.Stage != sim.StageReserved || last == 0 {
				return false
			}
			t.History[last].Status, t.Stage, t.Status = "CONFIRMING", sim.StageConfirming, sim.StatusInProgress
			return true
		}), "goes from"},
		"a transfer with more in transit": {ofTransfer(func(t *sim.Transfer) bool {
			if t.Stage != sim.StageBroadcast || t.Transit.IsZero() {
				return false
			}
			add(&t.Transit)
			return true
		}), "in transit"},
		"a fee that nobody took": {ofTransfer(func(t *sim.Transfer) bool {
			if t.Stage != sim.StageSettled || t.Direction != sim.DirectionOut || t.CreditAccount != "" || t.Fee.IsZero() {
				return false
			}
			t.Fee = money.Zero
			return true
		}), "by the postings and"},
		"a difference that is not reported": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for i, v := range e.Documents {
					if v.Kind == sim.DocumentReconciliation && !v.Removed {
						if r, err := v.Reconciliation(); err == nil && len(r.Differences) > 0 {
							r.Differences = nil
							e.Documents[i] = sim.NewDocument(v.Kind, v.ID, r)
						}
					}
				}
			}
		}, "that fault rules have made wrong"},
		"a dividend that is too high": {func() func(*sim.Event) {
			return func(e *sim.Event) {
				for _, v := range e.Documents {
					if v.Kind != sim.DocumentCorporateAction || v.Removed {
						continue
					}
					if ca, err := v.CorporateAction(); err == nil && ca.Rate.Sign() > 0 && ca.Type == sim.CashDividend {
						ca.Rate = ca.Rate.Add(money.MustParse("1"))
						v.Body = sim.NewDocument(v.Kind, v.ID, ca).Body
					}
				}
			}
		}, "is paid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, err := histories()
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range all {
				if err := falsified(t, h, c.falsify()); err != nil {
					if !strings.Contains(err.Error(), c.finds) {
						t.Errorf("it is found for another reason: %v", err)
					}
					return
				}
			}
			t.Error("it is not found")
		})
	}
}

func TestTheTruthIsNoFalsehood(t *testing.T) {
	t.Parallel()
	all, err := histories()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if err := falsified(t, h, func(*sim.Event) {}); err != nil {
			t.Errorf("seed %d: %v", h.world.Seed, err)
		}
	}
}

func TestBatchesThatDoNotFollowAreFound(t *testing.T) {
	t.Parallel()
	all, err := histories()
	if err != nil {
		t.Fatal(err)
	}
	h := all[0]
	if err := newAuditor(h.world).Batch(h.batches[1]); err == nil || !strings.Contains(err.Error(), "dense") {
		t.Errorf("a journal without its beginning: %v", err)
	}
	a := newAuditor(h.world)
	if err := a.Batch(h.batches[0]); err != nil {
		t.Fatal(err)
	}
	tampered := *h.batches[1]
	tampered.Hash[0]++
	if err := a.Batch(&tampered); err == nil || !strings.Contains(err.Error(), "hash chain") {
		t.Errorf("a hash that does not fit: %v", err)
	}
}

func TestAnswersAreHeldAgainstTheJournal(t *testing.T) {
	t.Parallel()
	w := simulation.NewWorld(1)
	state := sim.NewState(w.Rules, sim.NewGenerator(simulation.Instance, 1))
	var last sim.Result
	command := sim.OpenAccount{AccountID: "fund", Metadata: auditor.Mark(1)}
	d, err := state.Decide(w.Start, &sim.Request{Command: command})
	if err != nil || d.Outcome != sim.Accepted {
		t.Fatalf("%+v, %v", d, err)
	}
	last = d.Result
	batch := state.Seal(d.Events)
	fresh := func() *auditor.Auditor {
		a := newAuditor(w)
		if err := a.Batch(batch); err != nil {
			t.Fatal(err)
		}
		return a
	}
	request := &sim.Request{Command: command}
	a := fresh()
	if err := a.Acknowledged(request, &last); err != nil {
		t.Errorf("the answer: %v", err)
	}
	if err := a.Finish(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if err := a.Acknowledged(request, &last); err == nil {
		t.Error("two requests were acknowledged with one event")
	}
	if err := fresh().Finish(); err == nil {
		t.Error("a request was carried out that nobody answered")
	}
	if err := fresh().Refused(request, sim.Invalid("x", "is wrong")); err == nil {
		t.Error("a request was refused and carried out")
	}
	if err := fresh().Acknowledged(request, &sim.Result{Sequence: 2}); err == nil {
		t.Error("a request was acknowledged with an event that is not there")
	}
	if err := fresh().Acknowledged(&sim.Request{Command: command, IdempotencyKey: "k"}, &last); err == nil {
		t.Error("a request was acknowledged with an event that lacks its key")
	}
	a = fresh()
	a.Unknown(request)
	if err := a.Finish(); err != nil {
		t.Errorf("a request of unknown outcome was carried out: %v", err)
	}
}
