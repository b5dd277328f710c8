package simulation

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
)

// Served is an engine on a journal of any store, called by one caller. Its clock
// is manual, so that a seed gives the same journal whatever the machine's pace.
type Served struct {
	world *World
	audit *auditor.Auditor
	open  func() (sim.Journal, error)

	journal     *unreliable
	engine      *engine.Engine
	stop, abort context.CancelFunc
	done        chan error
	last        sim.Digest
}

// NewServed returns what makes a [Served] of a world, with journals that open
// opens: at the start, and after each restart again.
func NewServed(open func() (sim.Journal, error)) func(*World) (Target, error) {
	return func(w *World) (Target, error) {
		w.Clocks = false // a clock that goes on would make the machine's pace matter
		s := &Served{world: w, audit: newAuditor(w), open: open}
		if err := s.start(); err != nil {
			return nil, errors.Join(err, s.end())
		}
		return s, s.hear()
	}
}

// standing is a clock that stands still: a manual clock has no use for another.
type standing struct{ at time.Time }

// Now returns the one time that there is.
func (c standing) Now() time.Time { return c.at }

// patience is how long anything may take in real time.
const patience = 30 * time.Second

func (s *Served) start() error {
	j, err := s.open()
	if err != nil {
		return err
	}
	s.journal = &unreliable{Journal: j}
	s.engine = engine.New(engine.Config{
		Instance: Instance, Seed: s.world.Seed, Rules: s.world.Rules, Journal: s.journal, Clock: standing{s.world.Start},
		Metrics: silent{}, Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(), Opening: s.world.Opening,
	})
	stop, stopNow := context.WithCancel(context.Background())
	abort, abortNow := context.WithCancel(context.Background())
	s.stop, s.abort, s.done = stopNow, abortNow, make(chan error, 1)
	guard.Go("engine", nil, func() { // its panic is an error already
		s.done <- guard.Run("engine", func() error { return s.engine.Run(stop, abort) })
	})
	select {
	case <-s.engine.Serving():
		return nil
	case err := <-s.done:
		s.done = nil
		return fmt.Errorf("the engine ended: %w", err)
	}
}

// Auditor returns the books beside.
func (s *Served) Auditor() *auditor.Auditor { return s.audit }

// Journal returns the hash of the last durable batch.
func (s *Served) Journal() sim.Digest { return s.last }

// Ask carries out requests in one call. The call has been answered and everything
// that follows from it is durable when Ask returns.
func (s *Served) Ask(requests []sim.Request, trouble Trouble, _ uint64) error {
	if _, long := requests[0].Command.(sim.AdvanceClock); trouble == ProjectFails && (long || len(requests) > 1) {
		// Projections run beside: what else the call had made durable by the time of
		// the failure would depend on the machine.
		trouble = NoTrouble
	}
	s.journal.arm(trouble)
	defer s.journal.arm(NoTrouble)
	own := append([]sim.Request(nil), requests...)
	var answers []engine.Answer
	if len(own) == 1 {
		result, err := s.engine.Do(context.Background(), own[0])
		answers = []engine.Answer{{Result: result, Err: err}}
	} else {
		answers = s.engine.DoAll(context.Background(), own)
	}
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.hear(); err != nil {
		return err
	}
	for _, refusals := range []bool{false, true} {
		for i := range answers {
			if (answers[i].Err != nil) == refusals {
				if err := s.tell(&requests[i], &answers[i]); err != nil {
					return fmt.Errorf("%T: %w", requests[i].Command, err)
				}
			}
		}
	}
	return nil
}

// tell gives an answer to the auditor.
func (s *Served) tell(r *sim.Request, a *engine.Answer) error {
	switch code := sim.CodeOf(a.Err); {
	case a.Err == nil:
		return s.audit.Acknowledged(r, &a.Result)
	case code == sim.CodeUnavailable:
		s.audit.Unknown(r)
		return nil
	case code == sim.CodeInternal || code == "":
		return a.Err
	default:
		return s.audit.Refused(r, a.Err)
	}
}

// settle waits until the engine serves, nothing is due any more, and the tables
// show everything, so that nothing goes on by itself when the next step comes.
func (s *Served) settle() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, now, next, err := s.engine.Clock(ctx)
		if err == nil && (next.IsZero() || next.After(now)) {
			_, err = s.engine.ListAccounts(ctx, sim.AccountFilter{}, sim.Page{Limit: 1})
			if err == nil {
				return nil
			}
		}
		if code := sim.CodeOf(err); err != nil && code != sim.CodeUnavailable && code != sim.CodeOffline {
			return fmt.Errorf("waiting for the engine: %w", err)
		}
		select {
		case err := <-s.done:
			s.done = nil
			return fmt.Errorf("the engine ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the engine does not come to rest: %w", errors.Join(ctx.Err(), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// hear gives new batches of the journal to the auditor.
func (s *Served) hear() error {
	return s.journal.Read(context.Background(), s.audit.Sequence(), func(b *sim.Batch) error {
		s.last = b.Hash
		return s.audit.Batch(b)
	})
}

// end ends the engine, if it runs, and closes the journal.
func (s *Served) end() error {
	if s.done == nil {
		return nil
	}
	s.stop()
	err := <-s.done
	s.abort()
	s.done = nil
	return errors.Join(err, s.journal.Close())
}

// Restart ends the engine, at once or in good order, and starts another.
func (s *Served) Restart(crash bool, _ uint64) error {
	if crash {
		s.abort()
	}
	if err := s.end(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the engine ended: %w", err)
	}
	if err := s.start(); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	return s.hear()
}

// Finish ends the engine and verifies the journal and every table.
func (s *Served) Finish() (digest sim.Digest, err error) {
	s.stop()
	err = <-s.done
	s.abort()
	s.done = nil
	defer func() { err = errors.Join(err, s.journal.Close()) }()
	if err != nil {
		return digest, fmt.Errorf("the engine ended: %w", err)
	}
	if err := s.hear(); err != nil {
		return digest, err
	}
	report, err := verify.Run(context.Background(), s.journal.Journal, verify.Options{Instance: Instance, Seed: s.world.Seed, Rules: s.world.Rules})
	if err != nil {
		return digest, fmt.Errorf("verifying: %w", err)
	}
	if !report.OK() || report.Projected != report.Events {
		return digest, fmt.Errorf("verifying found (%d of %d events projected): %+v", report.Projected, report.Events, report.Differences)
	}
	if _, err := hex.Decode(digest[:], []byte(report.State)); err != nil {
		return digest, err
	}
	return digest, s.audit.Finish()
}
