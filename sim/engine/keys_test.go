package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func TestAReplayedKeyGivesTheFirstAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		first, err := b.keyed("k", deposit("a"))
		if err != nil || first.Replayed {
			t.Fatalf("%+v, %v", first, err)
		}
		b.must(deposit("a"))
		again, err := b.keyed("k", deposit("a"))
		if err != nil || !again.Replayed || again.Sequence != first.Sequence || again.Settlement.ID != first.Settlement.ID {
			t.Errorf("the repetition gives %+v, %v", again, err)
		}
		_, err = b.keyed("k", deposit("b"))
		b.wantCode(err, sim.CodeKeyReused)
		b.wantFinish()
	})
}

func TestARepetitionThatOvertakesItsCommitWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		g := b.gate()
		ask := func() <-chan engine.Answer {
			return later(func() engine.Answer {
				r, err := b.keyed("k", deposit("a"))
				return engine.Answer{Result: r, Err: err}
			})
		}
		first := ask()
		<-g.entered
		second := ask()
		if answered(second) {
			t.Fatal("answered before the first was durable")
		}
		b.open(g)
		one, two := <-first, <-second
		if one.Err != nil || two.Err != nil || one.Result.Replayed || !two.Result.Replayed || one.Result.Settlement.ID != two.Result.Settlement.ID {
			t.Errorf("answers are %+v and %+v", one, two)
		}
		b.wantFinish()
	})
}

func TestKeysAreKnownAfterARestart(t *testing.T) {
	for name, change := range map[string]func(*journal){
		"with the filter":        func(*journal) {},
		"while the filter fails": func(j *journal) { j.onScan = func() error { return errStore } },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := memory.NewStore()
				b := start(t, store)
				first, err := b.keyed("k", named("e"))
				if err != nil {
					t.Fatal(err)
				}
				b.wantFinish()

				again := newBundle(t, store)
				change(again.journal)
				again.run()
				<-again.Serving()
				synctest.Wait() // until the filter is built, or is not
				r, err := again.keyed("k", named("e"))
				if err != nil || !r.Replayed || r.Settlement.ID != first.Settlement.ID {
					t.Errorf("the repetition gives %+v, %v", r, err)
				}
				_, err = again.keyed("k", named("f"))
				again.wantCode(err, sim.CodeKeyReused)
				_, err = again.keyed("other", named("e"))
				again.wantCode(err, sim.CodeAlreadyExists)
				if n := again.journal.lookups.Load(); n != 3 {
					t.Errorf("%d lookups, want 3", n)
				}
				if _, err = again.keyed("new", named("new")); err != nil {
					t.Error(err)
				}
				if n := again.journal.lookups.Load(); (n == 3) != (name == "with the filter") {
					t.Errorf("%d lookups after a new key", n)
				}
				again.wantFinish()
			})
		})
	}
}

func TestForgottenKeysAreFoundInTheTables(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.RecentKeys = 2 })
		for i := range 20 {
			if _, err := b.keyed(fmt.Sprint("k", i), named(fmt.Sprint("e", i))); err != nil {
				t.Fatal(err)
			}
			b.held("a") // brings the tables up
		}
		for i := range 20 {
			r, err := b.keyed(fmt.Sprint("k", i), named(fmt.Sprint("e", i)))
			if err != nil || !r.Replayed || r.Settlement.ExternalID != fmt.Sprint("e", i) {
				t.Errorf("key %d gives %+v, %v", i, r, err)
			}
			_, err = b.do(named(fmt.Sprint("e", i)))
			b.wantCode(err, sim.CodeAlreadyExists)
		}
		if n := b.journal.lookups.Load(); n < 30 {
			t.Errorf("only %d lookups: nothing was forgotten", n)
		}
		if got := b.held("a"); got != "20" {
			t.Errorf("a has %s", got)
		}
		b.wantFinish()
	})
}

func TestManyRequestsAreAnsweredInOrderEachOnItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.must(named("old"))
		b.wantFinish()

		b = start(t, store)
		synctest.Wait()
		withdraw := sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("3")}
		requests := []sim.Request{
			{Command: named("one")},
			{Command: withdraw}, // fails for want of holdings: two are there
			{Command: named("old")},
			{Command: named("two")},
			{Command: sim.Instruct{Type: sim.Deposit}},
			{Command: withdraw}, // settles: three are there
			{Command: named("one")},
			{Command: named("three"), IdempotencyKey: "k"},
			{Command: named("three"), IdempotencyKey: "k"},
		}
		answers := b.DoAll(context.Background(), requests)
		if len(answers) != len(requests) {
			t.Fatalf("%d answers", len(answers))
		}
		for i, want := range []string{"COMPLETED", "FAILED", "already_exists", "COMPLETED", "invalid_request", "COMPLETED", "already_exists", "COMPLETED", "COMPLETED"} {
			got := string(sim.CodeOf(answers[i].Err))
			if answers[i].Err == nil {
				got = string(answers[i].Result.Settlement.Status)
			}
			if got != want {
				t.Errorf("answer %d is %s, want %s", i, got, want)
			}
		}
		if !answers[8].Result.Replayed || answers[7].Result.Replayed {
			t.Error("the repetition within the requests is not told as one")
		}
		if n := b.journal.lookups.Load(); n != 1 {
			t.Errorf("%d lookups", n)
		}
		if got := b.held("a"); got != "1" {
			t.Errorf("a has %s", got)
		}
		b.wantFinish()
	})
}

func TestNoRequestsHaveNoAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		if answers := b.DoAll(context.Background(), nil); len(answers) != 0 {
			t.Errorf("answers are %+v", answers)
		}
		b.wantFinish()
	})
}

func TestALookupThatFailsAnswersItsRequestAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.must(named("old"))
		b.wantFinish()
		b = newBundle(t, store)
		b.journal.onScan = func() error { return errStore }
		b.journal.onFindKeys = func([]sim.Key) error {
			b.journal.hook(func(j *journal) { j.onFindKeys = nil })
			return errStore
		}
		b.run()
		<-b.Serving()
		answers := b.DoAll(context.Background(), []sim.Request{{Command: deposit("a")}, {Command: named("old")}, {Command: named("new")}, {Command: deposit("a")}})
		for i, want := range []sim.Code{"", sim.CodeUnavailable, "", ""} {
			if sim.CodeOf(answers[i].Err) != want {
				t.Errorf("answer %d is %v, want %q", i, answers[i].Err, want)
			}
		}
		b.wantFinish()
	})
}
