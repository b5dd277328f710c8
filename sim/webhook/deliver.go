package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// deliver sends an event until it is delivered or given up. Live tells a due
// event from a resent one. Its error is that of a delivery that was broken off:
// because of stop or abort, or because the endpoint is not to be used.
func (d *deliverer) deliver(r engine.Recorded, duplicate, live bool) error {
	m, err := newMessage(d.opts.Instance, d.endpoint.ID, r, d.opts.Render)
	if err != nil {
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			d.opts.OnContained(p)
		}
		d.giveUp(m, 0, outcome{err: err}, live)
		return nil
	}
	for failed := 0; ; {
		o, err := d.try(m)
		if err != nil {
			return err
		}
		if o.err == nil {
			d.succeeded(m, live)
			d.changed(0) // it may be on the list no more
			d.opts.Metrics.RecordWebhookDelivered(d.endpoint.ID)
			break
		}
		failed++
		if failed >= d.opts.Retry.Attempts {
			d.giveUp(m, failed, o, live)
			return nil
		}
		delay := d.opts.Retry.delay(failed, o.retryAfter)
		if live {
			d.waiting(failed, time.Now().Add(delay))
		}
		if !d.idle(delay) {
			return d.stop.Err()
		}
	}
	if duplicate {
		_, err = d.try(m)
	}
	return err
}

// try makes one attempt. Its error is as that of deliver.
func (d *deliverer) try(m message) (outcome, error) {
	if d.inactive() { // a resend may have found that out
		return outcome{}, errInactive
	}
	if err := d.sender.acquire(d.stop); err != nil {
		return outcome{}, err
	}
	defer d.sender.release()
	if err := d.stop.Err(); err != nil {
		return outcome{}, err
	}
	o := d.sender.attempt(d.abort, d.endpoint.ID, d.target, d.signers, m)
	if o.err == nil {
		return o, nil
	}
	if err := d.abort.Err(); err != nil {
		return o, err
	}
	d.failed(o.err)
	d.opts.Metrics.RecordWebhookAttemptFailed(d.endpoint.ID, o.reason)
	d.tellLag()
	d.log.Debug("webhook attempt failed", "sequence", m.sequence, "webhook_id", m.id, "error", o.err)
	if o.gone() {
		d.setGone(digest(d.endpoint.URL))
		d.changed(0)
		d.log.Warn("webhook endpoint answered 410 Gone and gets no more events until it is enabled or changed", "sequence", m.sequence)
		return o, errInactive
	}
	return o, nil
}

func (d *deliverer) giveUp(m message, attempts int, o outcome, live bool) {
	d.gaveUp(m, attempts, o, live, d.opts.MaxFailed)
	if attempts == 0 {
		d.trouble(o.err)
	}
	d.changed(0)
	d.opts.Metrics.RecordWebhookGivenUp(d.endpoint.ID)
	d.log.Warn("webhook delivery given up", "sequence", m.sequence, "type", m.eventType, "webhook_id", m.id,
		"attempts", attempts, "error", shortened(o.err))
}

// span is a range of sequence numbers, both ends in it.
type span struct{ from, until uint64 }

// resend is what was asked to be sent again.
type resend []span

// maxResends is how many resends may wait, per endpoint.
const maxResends = 16

// runResends sends again what was asked for, beside the live events.
func (d *deliverer) runResends() {
	for {
		select {
		case <-d.stop.Done():
			return
		case job := <-d.resends:
			for _, s := range job {
				d.resendSpan(s)
			}
			d.addResends(-1)
		}
	}
}

// resendSpan sends a range again. It tries until it is done or the endpoint
// is not to be used any more.
func (d *deliverer) resendSpan(s span) {
	after, wait := s.from-1, minTrouble
	for after < s.until {
		err := guarded(func() error { return d.resendSome(&after, s.until) })
		switch {
		case err == nil:
			wait = minTrouble
		case d.stop.Err() != nil:
			return
		case errors.Is(err, errInactive):
			d.log.Warn("webhook resend ended, the endpoint is disabled", "after", after, "until", s.until)
			return
		default:
			d.opts.reportPanic(err)
			d.trouble(err)
			d.log.Warn("webhook resend is interrupted, trying again", "error", err)
			if !d.idle(wait) {
				return
			}
			wait = min(2*wait, maxTrouble)
		}
	}
}

// resendSome sends the next events behind after again, and moves it.
func (d *deliverer) resendSome(after *uint64, until uint64) error {
	events, last, err := d.fetch(d.stop, *after, until, func(sequence uint64) { *after = sequence })
	if err != nil {
		return fmt.Errorf("reading the event log: %w", err)
	}
	for _, r := range events {
		if err := d.deliver(r, false, false); err != nil {
			return err
		}
		*after = r.Event.Sequence
	}
	*after = max(*after, last)
	return nil
}

// launch starts serving the endpoint until stop ends; abort cuts it off.
func (d *deliverer) launch(stop, abort context.Context) {
	abort, cut := context.WithCancel(abort)
	stop, end := context.WithCancel(stop)
	d.stop, d.abort = stop, abort
	d.cut = func() { end(); cut() }
	d.running.Go(part, d.opts.OnPanic, d.run)
	d.running.Go(part, d.opts.OnPanic, d.runResends)
}

// close cuts it off and waits until it has ended.
func (d *deliverer) close() {
	if d.cut != nil {
		d.cut()
	}
	d.end()
}

// end waits until it has ended.
func (d *deliverer) end() {
	d.running.Wait()
	if d.cut != nil {
		d.cut() // nothing is left to cut, but contexts are
		d.cut = nil
	}
}
