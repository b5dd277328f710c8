package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const (
	// fetched is about how many events are taken from the log at once. The log
	// is not held open while they are being delivered, which may take hours.
	fetched = 256
	// Bounds of the wait after the log or the cursors failed.
	minTrouble = 500 * time.Millisecond
	maxTrouble = 30 * time.Second
	// lagInterval is how often the lag is told while nothing moves.
	lagInterval = 10 * time.Second
)

var (
	errEnough   = errors.New("enough")
	errInactive = errors.New("the endpoint is disabled")
)

// held is an event that waits for another one to go first.
type held struct {
	event     engine.Recorded
	duplicate bool
	until     time.Time
}

// deliverer serves one endpoint with one set of settings.
type deliverer struct {
	*progress
	opts     *Options
	sender   *sender
	changed  func(unsaved uint64) // told when the state has changed
	log      *slog.Logger
	endpoint Endpoint
	target   *url.URL
	signers  []*standardwebhooks.Webhook

	// stop ends it in good order, abort cuts off the attempts under way.
	stop, abort context.Context
	cut         context.CancelFunc
	running     guard.Group
	resends     chan resend
	startAt     uint64 // where it begins without a cursor
	// keep saves the settings together with the cursor when it is opened; nil where
	// they are kept already or are not to be.
	keep func(ctx context.Context, e Endpoint, state *State) error

	// Of the goroutine that delivers live events:
	position uint64 // the last event dealt with, but for one that is held
	held     *held
}

// run delivers what becomes durable until stop ends.
func (d *deliverer) run() {
	wait, reported := minTrouble, false
	for d.stop.Err() == nil {
		before := d.position
		err := guarded(d.session)
		if errors.Is(err, errInactive) {
			d.opts.Metrics.SetWebhookLag(d.endpoint.ID, 0)
			return
		}
		if d.stop.Err() != nil {
			return
		}
		if d.position != before {
			wait, reported = minTrouble, false
		}
		d.opts.reportPanic(err)
		d.trouble(err)
		if !reported {
			d.log.Warn("webhook deliveries are interrupted, trying again", "error", err)
			reported = true
		}
		d.idle(wait)
		wait = min(2*wait, maxTrouble)
	}
}

// session delivers until something fails. It begins at the cursor, or goes on
// where the last one stopped.
func (d *deliverer) session() error {
	if err := d.open(d.stop); err != nil {
		return err
	}
	for {
		if d.inactive() {
			return errInactive
		}
		events, last, err := d.next()
		if err != nil {
			return err
		}
		for _, r := range events {
			if err := d.handle(r); err != nil {
				return err
			}
		}
		d.pass(last)
		if d.held != nil && !time.Now().Before(d.held.until) {
			if err := d.letGo(); err != nil {
				return err
			}
		}
	}
}

// open loads the cursor, or makes one and saves it, so that where the endpoint
// begins is settled before anything is delivered.
func (d *deliverer) open(ctx context.Context) error {
	cursor, loaded := d.cursor()
	if loaded {
		d.position = max(d.position, cursor)
		return nil
	}
	var state State
	var found bool
	err := guarded(func() (err error) {
		state, found, err = d.opts.Cursors.Load(ctx, d.endpoint.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("loading the cursor: %w", err)
	}
	durable := d.opts.Source.Durable()
	switch {
	case !found && d.endpoint.From > 0:
		state = State{Sequence: min(d.endpoint.From-1, durable)}
	case !found:
		state = State{Sequence: d.startAt}
	case state.Sequence > durable:
		d.log.Warn("the event log was begun anew, delivering it from its beginning", "cursor", state.Sequence, "last_event", durable)
		state, found = State{Gone: state.Gone}, false
	}
	if d.keep != nil {
		if err := d.keep(ctx, d.endpoint, &state); err != nil {
			return err
		}
		d.keep = nil
	} else if !found {
		if err := guarded(func() error { return d.opts.Cursors.Save(ctx, d.endpoint.ID, state) }); err != nil {
			return fmt.Errorf("saving the cursor: %w", err)
		}
	}
	d.load(state, true)
	d.position = state.Sequence
	d.tellLag()
	return nil
}

// next returns the next events to handle and the last one that was looked at.
// It waits for some, while an event is held for no longer than that may be.
func (d *deliverer) next() ([]engine.Recorded, uint64, error) {
	ctx := d.stop
	if d.held != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.held.until)
		defer cancel()
	}
	events, last, err := d.fetch(ctx, d.position, 0, d.pass)
	if err != nil && ctx.Err() != nil && d.stop.Err() == nil {
		return nil, last, nil // the time of the held event has come
	}
	return events, last, err
}

// fetch returns about as many events that the filter selects as are there
// behind after, at most up to until where that is not 0, and the last that it
// has looked at. It waits until there is one, telling passed meanwhile of those
// that are not selected.
func (d *deliverer) fetch(ctx context.Context, after, until uint64, passed func(uint64)) (events []engine.Recorded, last uint64, err error) {
	last = after
	err = d.opts.Source.Follow(ctx, after, func(batch []engine.Recorded) error {
		for _, r := range batch {
			if until != 0 && r.Event.Sequence > until {
				return errEnough
			}
			last = r.Event.Sequence
			if d.endpoint.wants(string(r.Event.Type)) {
				events = append(events, r)
			}
		}
		switch {
		case until != 0 && last >= until, len(events) >= fetched:
			return errEnough
		case len(events) == 0:
			passed(last)
			return nil
		case last >= d.opts.Source.Durable():
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) || len(events) > 0 { // a failure will show again
		err = nil
	} else if err == nil {
		err = errors.New("the event log ended")
	}
	return events, last, err
}

// handle deals with one event that is due.
func (d *deliverer) handle(r engine.Recorded) error {
	effect := d.effect(r)
	if effect.Reorder && !effect.Drop && d.held == nil {
		d.held = &held{r, effect.Duplicate, time.Now().Add(d.opts.HoldMax)}
		d.position = r.Event.Sequence
		return nil
	}
	if !effect.Drop {
		if err := d.deliver(r, effect.Duplicate, true); err != nil {
			return err
		}
	}
	d.pass(r.Event.Sequence)
	if d.held != nil && !effect.Drop {
		return d.letGo()
	}
	return nil
}

// letGo delivers the event that is held.
func (d *deliverer) letGo() error {
	if err := d.deliver(d.held.event, d.held.duplicate, true); err != nil {
		return err
	}
	d.held = nil
	d.pass(d.position)
	return nil
}

// pass records that everything up to sequence is dealt with. The cursor stays
// in front of an event that is held.
func (d *deliverer) pass(sequence uint64) {
	d.position = max(d.position, sequence)
	if d.held == nil {
		d.changed(d.advance(d.position))
	}
	d.tellLag()
}

func (d *deliverer) effect(r engine.Recorded) (effect Effect) {
	// After a restart it would panic at the same event again, so it is no reason for one.
	guard.Do("deciding a fault on purpose", d.opts.OnContained, func() {
		effect = d.opts.Fault.Webhook(r.Event.Sequence, string(r.Event.Type), d.endpoint.ID)
	})
	return effect
}

// inactive reports whether nothing is to be sent to the endpoint.
func (d *deliverer) inactive() bool {
	return d.endpoint.Disabled || d.gone() == digest(d.endpoint.URL)
}

// digest is how a state remembers a URL, which may be secret.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// lag is how many durable events are behind the cursor.
func (d *deliverer) lag() uint64 {
	cursor, loaded := d.cursor()
	if durable := d.opts.Source.Durable(); loaded && durable > cursor {
		return durable - cursor
	}
	return 0
}

func (d *deliverer) tellLag() { d.opts.Metrics.SetWebhookLag(d.endpoint.ID, d.lag()) }

// saveFailed reports that the cursor could not be saved, once.
func (d *deliverer) saveFailed(err error) {
	d.opts.reportPanic(err)
	if !d.unsavedReported.Swap(true) {
		d.log.Warn("webhook cursor could not be saved, trying again", "error", err)
	}
}

// idle waits, or until stop ends, which it reports as false.
func (d *deliverer) idle(wait time.Duration) bool {
	for {
		step := min(wait, lagInterval)
		timer := time.NewTimer(step)
		select {
		case <-timer.C:
		case <-d.stop.Done():
			timer.Stop()
			return false
		}
		if wait -= step; wait <= 0 {
			return true
		}
		d.tellLag()
	}
}

// part is what the deliveries are called where they panic.
const part = "webhooks"

// guarded turns a panic of fn into an error.
func guarded(fn func() error) error { return guard.Run(part, fn) }

// reportPanic passes an error on if it is a panic.
func (o *Options) reportPanic(err error) {
	if p, ok := errors.AsType[*guard.Panic](err); ok {
		o.OnPanic(p)
	}
}
