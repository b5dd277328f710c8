package postgres

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// panicky is a measurement that panics, on a goroutine that the driver dials on.
type panicky struct{ noMetrics }

func (panicky) SetConnections(int, int) { panic("deliberate") }

func TestAPanicWhileDiallingGoesOnWhereTheConnectionIsWaitedFor(t *testing.T) {
	t.Parallel()
	config, err := parse("postgres://nobody@127.0.0.1:1/nothing")
	if err != nil {
		t.Fatal(err)
	}
	budget := newBudget(2, time.Second, panicky{})
	s := &Server{config: config, budget: budget, party: budget.enter(), log: slog.New(slog.DiscardHandler)}
	p := s.newPool("panic", 1, nil)
	for range 2 { // the second finds no lock held
		err = guard.Run("caller", func() error {
			return p.use(t.Context(), func(context.Context, *pgx.Conn) error { return nil })
		})
		if panicked, ok := errors.AsType[*guard.Panic](err); !ok || panicked.Value != "deliberate" {
			t.Errorf("the caller got %v", err)
		}
	}
	if err := p.close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAPanicOfTheKeeperAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	config, err := parse("postgres://nobody@127.0.0.1:1/nothing")
	if err != nil {
		t.Fatal(err)
	}
	budget := newBudget(2, time.Second, panicky{})
	s := &Server{config: config, locks: config.ConnConfig, budget: budget, party: budget.enter(), log: slog.New(slog.DiscardHandler)}
	s.keeper = newKeeper(s, time.Hour)
	for range 2 { // the second finds the goroutine alive and the schema free
		if _, err := s.Own(t.Context(), "custodian_a"); err == nil {
			t.Error("owned without a server")
		} else if _, ok := errors.AsType[*guard.Panic](err); !ok {
			t.Errorf("got %v", err)
		}
	}
	if err := s.keeper.close(t.Context()); err != nil {
		t.Error(err)
	}
}
