package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// holdProjections makes every projection wait until the channel lets it go on.
func (b *bundle) holdProjections() chan struct{} {
	leave := make(chan struct{})
	b.journal.hook(func(j *journal) {
		j.onProject = func(ctx context.Context, _ *sim.Projection, next func() error) error {
			select {
			case <-leave:
				return next()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return leave
}

func TestListsShowTheCallersOwnWrites(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		leave := b.holdProjections()
		b.must(deposit("a"))
		list := later(func() string { return b.held("a") })
		if answered(list) {
			t.Fatal("answered before the tables had the write")
		}
		b.must(deposit("a")) // commits go on meanwhile
		close(leave)
		if got := <-list; got != "1" && got != "2" {
			t.Errorf("a has %s", got)
		}
		if got := b.held("a"); got != "2" {
			t.Errorf("a has %s", got)
		}
		b.wantFinish()
	})
}

func TestAListDoesNotWaitForThePaceOfProjections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		for range 3 {
			b.must(deposit("a"))
			began := time.Now()
			b.held("a")
			if waited := time.Since(began); waited != 0 {
				t.Errorf("the list waited %s", waited)
			}
		}
		b.wantFinish()
	})
}

func TestManyBatchesBecomeOneProjection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		for range 100 {
			b.must(deposit("a"))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if h := b.Health(); h.Projected != h.Durable || h.Durable != 101 {
			t.Errorf("health is %+v", h)
		}
		if appends, projects := b.journal.appends.Load(), b.journal.projects.Load(); appends != 100 || projects > 2 {
			t.Errorf("%d appends and %d projections", appends, projects)
		}
		b.wantFinish()
	})
}

func TestTablesFollowWithin100Milliseconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if h := b.Health(); h.Projected != h.Durable {
			t.Errorf("health is %+v", h)
		}
		b.wantFinish()
	})
}

func TestCommitsWaitForAProjectorThatLagsTooFar(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) {
			c.Limits.Lag, c.Limits.Store, c.Limits.Append, c.Limits.Request = 5, time.Hour, time.Hour, time.Hour
		})
		leave := b.holdProjections()
		b.must(sim.OpenAccount{AccountID: "a"})
		for range 4 {
			b.must(deposit("a"))
		}
		blocked := b.doLater(deposit("a"))
		time.Sleep(time.Minute)
		if answered(blocked) {
			t.Fatal("committed beyond the bound")
		}
		if h := b.Health(); h.Durable != 5 || h.Projected != 0 {
			t.Errorf("health is %+v", h)
		}
		leave <- struct{}{}
		if a := <-blocked; a.Err != nil {
			t.Error(a.Err)
		}
		close(leave)
		b.wantFinish()
		if h := b.Health(); h.Durable != 6 || h.Projected != 6 {
			t.Errorf("health is %+v", h)
		}
	})
}

func TestALagThatDoesNotEndIsGivenUpWithTheStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Lag = 1 })
		b.holdProjections()
		b.must(sim.OpenAccount{AccountID: "a"})
		began := time.Now()
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		if waited := time.Since(began); waited > engine.DefaultLimits().Store+time.Second {
			t.Errorf("waited %s", waited)
		}
		b.journal.hook(func(j *journal) { j.onProject = nil })
		time.Sleep(10 * time.Second)
		b.must(deposit("a"))
		b.wantFinish()
	})
}

func TestAListWaitsNoLongerThanARequestMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Store, c.Limits.Append = time.Hour, time.Hour })
		leave := b.holdProjections()
		b.must(deposit("a"))
		_, err := b.ListAccounts(context.Background(), sim.AccountFilter{}, sim.Page{Limit: 1})
		b.wantCode(err, sim.CodeUnavailable)
		close(leave)
		b.wantFinish()
	})
}

func TestListsOfEveryTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, ctx, page := start(t, memory.NewStore()), context.Background(), sim.Page{Limit: 10}
		b.must(deposit("a"))
		accounts, err1 := b.ListAccounts(ctx, sim.AccountFilter{}, page)
		settlements, err2 := b.ListSettlements(ctx, sim.SettlementFilter{}, page)
		entries, err3 := b.ListEntries(ctx, sim.EntryFilter{}, page)
		if err1 != nil || err2 != nil || err3 != nil || len(accounts) != 1 || len(settlements) != 1 || len(entries) != 1 {
			t.Errorf("%d accounts, %d settlements, %d entries; %v, %v, %v", len(accounts), len(settlements), len(entries), err1, err2, err3)
		}
		_, err := b.ListEntries(ctx, sim.EntryFilter{}, sim.Page{After: "nonsense", Limit: 1})
		b.wantCode(err, sim.CodeInvalid) // the store's own refusals reach the caller
		b.wantFinish()
	})
}
