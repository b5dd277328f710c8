package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Answer is what became of one request of many.
type Answer struct {
	Result sim.Result
	Err    error
}

// Do answers one request. When it returns without error the result is durable.
// Refusals are [*sim.Error] values; [sim.CodeUnavailable] and a context's error
// mean that the outcome is unknown, and a retry with the same idempotency key
// finds it out.
func (e *Engine) Do(ctx context.Context, r sim.Request) (sim.Result, error) {
	deadline := e.deadline()
	if c, ok := r.Command.(sim.SetClock); ok && c.Real.IsZero() {
		c.Real = e.cfg.Clock.Now()
		r.Command = c
	}
	c := e.newCall()
	if e.cfg.Tracer != nil {
		c.ctx = ctx
	}
	c.one[0] = r
	c.requests = c.one[:]
	for {
		if err := e.submit(ctx, deadline, c); err != nil {
			return sim.Result{}, err // the loop may still come to it
		}
		d := c.decisions[0]
		if d.Outcome != sim.NeedsLookup {
			command := c.one[0].Command
			e.reuse(c)
			answer := e.answer(ctx, deadline, command, &d)
			if _, ok := command.(sim.AdvanceClock); ok && answer.Err == nil {
				answer.Err = e.visible(ctx, deadline)
			}
			return answer.Result, answer.Err
		}
		if err := e.lookup(ctx, deadline, c.requests); err != nil {
			return sim.Result{}, err
		}
		c.decisions = c.decided[:0]
	}
}

// DoAll answers many requests in their order, each on its own: one's refusal
// leaves the others alone. The requests belong to the engine from then on: where
// the context ended first, it may still be at work on them.
func (e *Engine) DoAll(ctx context.Context, requests []sim.Request) []Answer {
	deadline := e.deadline()
	answers := make([]Answer, 0, len(requests))
	for len(answers) < len(requests) {
		c := e.newCall()
		if e.cfg.Tracer != nil {
			c.ctx = ctx
		}
		c.requests = requests[len(answers):]
		if err := e.submit(ctx, deadline, c); err != nil {
			for len(answers) < len(requests) {
				answers = append(answers, Answer{Err: err})
			}
			return answers
		}
		for i := range c.decisions {
			if d := &c.decisions[i]; d.Outcome != sim.NeedsLookup {
				answers = append(answers, e.answer(ctx, deadline, c.requests[i].Command, d))
			} else if err := e.lookup(ctx, deadline, c.requests[i:]); err != nil {
				answers = append(answers, Answer{Err: err})
			}
		}
		e.reuse(c)
	}
	return answers
}

// reloadPatience is how long a query waits for tables whose projection failed.
// Most failures are mended by one reload; an outage would cost each caller the
// whole of what it is ready to wait.
const reloadPatience = 2 * time.Second

// visible waits until the tables show everything that is durable now.
func (e *Engine) visible(ctx context.Context, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	durable := e.durable.value()
	tell(e.nudge)
	var broken <-chan struct{}
	if ch := e.broken.Load(); ch != nil {
		broken = *ch
	}
	err := e.projected.wait(ctx, durable, broken)
	if errors.Is(err, errBroken) {
		ctx, cancel := context.WithTimeout(ctx, reloadPatience)
		defer cancel()
		err = e.projected.wait(ctx, durable, nil)
	}
	if err != nil {
		return e.interrupted(err)
	}
	return nil
}

// deadline is when a caller who comes now has waited long enough.
func (e *Engine) deadline() time.Time { return time.Now().Add(e.cfg.Limits.Request) }

// newCall returns a call with nothing in it. The engine keeps calls that were
// answered, with their channel and timer, because every request needs one.
func (e *Engine) newCall() *call {
	if c, ok := e.calls.Get().(*call); ok {
		return c
	}
	c := &call{done: make(chan error, 1), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	c.decisions = c.decided[:0]
	return c
}

// reuse takes back a call that was answered with nil, which the engine is done
// with. What the caller keeps of it must have been copied.
func (e *Engine) reuse(c *call) {
	*c = call{done: c.done, timer: c.timer}
	c.decisions = c.decided[:0]
	e.calls.Put(c)
}

// submit queues a call and waits until its answer is durable.
func (e *Engine) submit(ctx context.Context, deadline time.Time, c *call) error {
	if err := e.refusal(); err != nil && (err.Code != sim.CodePaused || !c.housekeeping) {
		e.cfg.Metrics.RecordRefused(string(err.Code))
		return err
	}
	if most := e.cfg.Limits.Queue; e.waiting.Add(1) > int64(most) {
		e.waiting.Add(-1)
		e.cfg.Metrics.RecordRefused(string(sim.CodeOverloaded))
		return &sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second,
			Message: fmt.Sprintf("%d requests are waiting already; send fewer at a time", most)}
	}
	c.timer.Reset(time.Until(deadline))
	defer c.timer.Stop()
	select {
	case e.queue <- c:
	default:
		if err := e.enqueue(ctx, c); err != nil {
			e.waiting.Add(-1)
			return e.interrupted(err)
		}
	}
	if Phase(e.phase.Load()) == PhaseStopped {
		e.rejectQueue() // nobody else would: Run emptied the queue before this call came
	}
	select {
	case err := <-c.done:
		if err != nil {
			e.cfg.Metrics.RecordRefused(string(sim.CodeOf(err)))
		}
		return err
	case <-c.timer.C:
		c.left.Store(true)
		return e.interrupted(context.DeadlineExceeded)
	case <-ctx.Done():
		c.left.Store(true)
		return e.interrupted(ctx.Err())
	}
}

// enqueue waits for room in the queue, for as long as the caller does.
func (e *Engine) enqueue(ctx context.Context, c *call) error {
	select {
	case e.queue <- c:
		return nil
	case <-c.timer.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// interrupted explains an answer that did not come in time.
func (e *Engine) interrupted(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		e.cfg.Metrics.RecordRefused(string(sim.CodeUnavailable))
		return &sim.Error{Code: sim.CodeUnavailable, RetryAfter: time.Second,
			Message: "no answer in time; whether the request was carried out is unknown: repeat it with the same Idempotency-Key"}
	}
	return err
}

// lookup asks the tables for the keys of requests.
func (e *Engine) lookup(ctx context.Context, deadline time.Time, requests []sim.Request) error {
	for i := range requests {
		// What became of settlements is only good once the tables have it.
		if ids, externalIDs := requests[i].Settlements(); len(ids)+len(externalIDs) > 0 {
			if err := e.visible(ctx, deadline); err != nil {
				return err
			}
			break
		}
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	through := e.projected.value()
	var keys []sim.Key
	for i := range requests {
		keys = append(keys, requests[i].Keys()...)
	}
	found, err := e.cfg.Journal.FindKeys(ctx, keys)
	if err != nil {
		return e.storeError(ctx, "looking up keys", err)
	}
	lookup := &sim.KeyLookup{Through: through, Found: found}
	for i := range requests {
		if err := e.lookupSettlements(ctx, &requests[i], lookup); err != nil {
			return e.storeError(ctx, "looking up settlements", err)
		}
	}
	for i := range requests {
		requests[i].Lookup = lookup
	}
	return nil
}

// lookupSettlements adds the settlements that a request names to a lookup.
func (e *Engine) lookupSettlements(ctx context.Context, r *sim.Request, lookup *sim.KeyLookup) error {
	ids, externalIDs := r.Settlements()
	for _, id := range ids {
		st, err := e.cfg.Journal.FindSettlement(ctx, id)
		if err != nil {
			return err
		}
		if st != nil {
			lookup.Settlements = append(lookup.Settlements, st)
		}
	}
	for _, externalID := range externalIDs {
		found, err := e.cfg.Journal.ListSettlements(ctx, sim.SettlementFilter{ExternalID: externalID}, sim.Page{Limit: 1})
		if err != nil {
			return err
		}
		lookup.Settlements = append(lookup.Settlements, found...)
	}
	return nil
}

// answer turns a decision that is durable into an answer.
func (e *Engine) answer(ctx context.Context, deadline time.Time, command sim.Command, d *sim.Decision) Answer {
	switch d.Outcome {
	case sim.Accepted:
		return Answer{Result: d.Result}
	case sim.Repeated:
		result, err := e.recall(ctx, deadline, d.Result.Sequence)
		return Answer{result, err}
	default:
		if d.Err.Code == sim.CodeLimitReached {
			e.cfg.Metrics.RecordRefused(string(d.Err.Code))
		}
		return Answer{Err: e.explain(ctx, command, d.Err)}
	}
}

// recall reads the result of an earlier request from the journal.
func (e *Engine) recall(ctx context.Context, deadline time.Time, sequence uint64) (sim.Result, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var result sim.Result
	errFound := errors.New("found")
	err := e.cfg.Journal.Read(ctx, sequence-1, func(b *sim.Batch) error {
		if err := b.Decode(); err != nil {
			return err
		}
		if sequence < b.First || sequence > b.Last {
			return fmt.Errorf("%w: event %d is not in its batch", sim.ErrBrokenInvariant, sequence)
		}
		result = sim.ResultOf(b.Events[sequence-b.First])
		result.Replayed = true
		return errFound
	})
	if !errors.Is(err, errFound) {
		if err == nil {
			err = fmt.Errorf("%w: event %d is not in the journal", sim.ErrBrokenInvariant, sequence)
		}
		return sim.Result{}, e.storeError(ctx, "reading an earlier answer", err)
	}
	return result, nil
}

// explain completes a refusal: the state does not know settlements and transfers
// that are final, the tables do.
func (e *Engine) explain(ctx context.Context, command sim.Command, refusal *sim.Error) error {
	var id, transfer uuid.UUID
	switch c := command.(type) {
	case sim.CancelSettlement:
		id = c.ID
	case sim.HoldSettlement:
		id = c.ID
	case sim.ReleaseSettlement:
		id = c.ID
	case sim.ApproveTransfer:
		transfer = c.ID
	case sim.RejectTransfer:
		transfer = c.ID
	case sim.CancelTransfer:
		transfer = c.ID
	}
	switch {
	case refusal.Code != sim.CodeNotFound:
		return refusal
	case transfer != (uuid.UUID{}):
		t, err := e.Transfer(ctx, transfer)
		if err != nil {
			return err
		}
		return sim.Errorf(sim.CodeWrongState, "transfer %s is %s, which is final", transfer, t.Stage)
	case id == (uuid.UUID{}):
		return refusal
	}
	st, err := e.Settlement(ctx, id)
	if err != nil {
		return err
	}
	if _, cancel := command.(sim.CancelSettlement); cancel && st.Status == sim.StatusCompleted {
		return sim.Errorf(sim.CodeWrongState, "settlement %s is %s, which is final: cancellation is denied (%s)", id, st.Status, sim.ReasonDeniedSettled)
	}
	return sim.Errorf(sim.CodeWrongState, "settlement %s is %s, which is final", id, st.Status)
}

// storeError hides the store's error from the caller and logs it.
func (e *Engine) storeError(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return e.interrupted(ctx.Err())
	}
	if refusal, ok := errors.AsType[*sim.Error](err); ok {
		return refusal
	}
	e.cfg.Logger.WarnContext(ctx, "store failed", "doing", doing, "error", err)
	e.cfg.Metrics.RecordRefused(string(sim.CodeUnavailable))
	return e.unavailable()
}
