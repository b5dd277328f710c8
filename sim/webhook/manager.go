package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// changeTimeout bounds what a change of the endpoints waits for.
const changeTimeout = 10 * time.Second

type phase int

const (
	waiting phase = iota // not started yet
	running
	ended
)

// Manager delivers an instance's events to its endpoints. [Manager.Start] starts
// it; its other methods may be called before, meanwhile and after, and are safe
// for concurrent use.
type Manager struct {
	opts Options
	// sender is made with the first endpoint.
	sender func() *sender

	// change is full while the endpoints are being changed, which may take
	// until a deliverer has ended.
	change chan struct{}

	once sync.Once // of Start

	mu          sync.Mutex
	phase       phase
	stop, abort context.Context // while running
	// attempts is the context of the attempts under way, which the deliveries
	// survive, and posting ends it; nil before there are any.
	attempts  context.Context
	posting   context.CancelFunc
	endpoints map[string]*deliverer
	// configured are the ids of [Options.Endpoints], whatever became of those.
	configured map[string]bool
	// shelved are the ids of endpoints that are kept, or may be, but not served.
	shelved map[string]bool
	// begun is closed once all endpoints that are kept are there, or never will be.
	begun  chan struct{}
	settle func() // closes begun

	dirty  bool          // some state has changed since it was saved
	saving bool          // a saver is at work
	savers guard.Group   // one at a time
	urgent chan struct{} // told that many events are unsaved; room for one
}

// New returns a Manager. Its error joins all that is wrong with the options;
// those of endpoints name the field as endpoints[i].url.
func New(opts Options) (*Manager, error) {
	err := opts.validate()
	opts = opts.withDefaults()
	m := &Manager{
		opts:      opts,
		endpoints: make(map[string]*deliverer), configured: make(map[string]bool), shelved: make(map[string]bool),
		begun: make(chan struct{}), change: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
	}
	m.sender = sync.OnceValue(func() *sender { return newSender(&m.opts) })
	m.settle = sync.OnceFunc(func() { close(m.begun) })
	if len(opts.Endpoints) > opts.MaxEndpoints {
		err = errors.Join(err, sim.Invalid("endpoints", "has %d entries; at most %d are allowed", len(opts.Endpoints), opts.MaxEndpoints))
	}
	for i, e := range opts.Endpoints {
		d, wrong := m.deliverer(e, new(progress))
		if wrong == nil && m.endpoints[e.ID] != nil {
			wrong = sim.Invalid("id", "%q is the id of another endpoint as well", e.ID)
		}
		if wrong != nil {
			err = errors.Join(err, within(fmt.Sprintf("endpoints[%d].", i), wrong))
			continue
		}
		m.endpoints[e.ID], m.configured[e.ID] = d, true
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// within says where the field stands that an error is about.
func within(where string, err error) error {
	if e, ok := errors.AsType[*sim.Error](err); ok {
		return sim.Invalid(where+e.Field, "%s", e.Message)
	}
	return err
}

// deliverer returns what will serve an endpoint.
func (m *Manager) deliverer(e Endpoint, p *progress) (*deliverer, error) {
	if err := e.Validate(m.opts.Targets, m.opts.EventTypes); err != nil {
		return nil, err
	}
	target, err := m.opts.Targets.parse(e.URL)
	if err != nil {
		return nil, err
	}
	signers, err := e.signers()
	if err != nil {
		return nil, err
	}
	e.Events = slices.Clone(e.Events)
	return &deliverer{
		progress: p, opts: &m.opts, sender: m.sender(), changed: m.changed,
		log: m.opts.Logger.With("endpoint", e.ID), endpoint: e, target: target, signers: signers,
		resends: make(chan resend, maxResends),
	}, nil
}

// Start begins to deliver. Once stop has ended, what is under way is finished, the
// cursors are saved and the returned channel is closed; when abort ends, with which
// stop ends as well, nothing is waited for any longer. There are goroutines only while there are endpoints or
// something is to be done. Call it when the source serves, and only once: its sole
// error is that of a second call.
func (m *Manager) Start(stop, abort context.Context) (<-chan struct{}, error) {
	first := false
	m.once.Do(func() { first = true })
	if !first {
		return nil, errors.New("webhook: the manager was started before")
	}
	done := make(chan struct{})
	last := func() {
		defer close(done)
		m.end(abort)
	}
	guard.Go(part, m.opts.OnPanic, func() {
		defer func() { // at once where stop has ended
			context.AfterFunc(stop, func() { guard.Do(part, m.opts.OnPanic, last) })
		}()
		durable := m.opts.Begin()
		if m.bringBack(stop) {
			m.begin(stop, abort, durable)
		}
	})
	return done, nil
}

// end ends the deliveries, whose context has ended.
func (m *Manager) end(abort context.Context) {
	m.finish()
	m.savers.Wait()
	m.change <- struct{}{} // the last change is done
	defer func() { <-m.change }()
	for _, d := range m.sorted() {
		d.end()
	}
	m.Cut() // there are none, but their context is
	m.saveAll(abort)
	m.sender().client.CloseIdleConnections()
}

// Cut ends the attempts under way. They are made again after the next start, as
// all that has not been delivered when the context of [Manager.Start] ended.
func (m *Manager) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.posting != nil {
		m.posting()
	}
}

// finish refuses what comes from now on.
func (m *Manager) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase = ended
	m.settle()
}

// begin launches what serves the endpoints. Durable is where those begin that have
// no cursor.
func (m *Manager) begin(stop, abort context.Context, durable uint64) {
	m.change <- struct{}{}
	defer func() { <-m.change }()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase, m.stop, m.abort = running, stop, abort
	for _, d := range m.endpoints {
		d.startAt = durable
		d.launch(stop, m.attempting())
	}
	m.settle()
}

// attempting returns the context of attempts. It is called under mu, while running.
func (m *Manager) attempting() context.Context {
	if m.attempts == nil {
		m.attempts, m.posting = context.WithCancel(m.abort)
	}
	return m.attempts
}

// changed tells the saver that a state has changed. Where there is none, it begins.
func (m *Manager) changed(unsaved uint64) {
	m.mu.Lock()
	m.dirty = true
	if !m.saving && m.phase == running {
		m.saving = true
		m.savers.Go(part, m.opts.OnPanic, m.saveRegularly)
	}
	m.mu.Unlock()
	if unsaved >= uint64(m.opts.SaveEvery) {
		select {
		case m.urgent <- struct{}{}:
		default:
		}
	}
}

// unsaved reports whether a state has changed since it was last asked. Where none
// has, the saver is to end.
func (m *Manager) unsaved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saving = m.dirty
	m.dirty = false
	return m.saving
}

// saveRegularly saves what has changed, some time after it has, while there is
// something and until stop ends.
func (m *Manager) saveRegularly() {
	failing := false
	for m.unsaved() {
		timer := time.NewTimer(m.opts.SaveInterval)
		urgent := m.urgent
		if failing {
			urgent = nil // the store is not hurried while it is in trouble
		}
		select {
		case <-timer.C:
		case <-urgent:
			timer.Stop()
		case <-m.stop.Done():
			timer.Stop()
			return
		}
		if failing = !m.saveAll(m.abort); failing {
			m.changed(0)
		}
	}
}

// saveAll saves the states that have changed, and reports whether that went
// well.
func (m *Manager) saveAll(ctx context.Context) bool {
	well := true
	for _, d := range m.sorted() {
		ctx, cancel := context.WithTimeout(ctx, changeTimeout)
		err := d.save(ctx, m.opts.Cursors, d.endpoint.ID)
		cancel()
		if err != nil {
			well = false
			d.saveFailed(err)
		} else {
			d.unsavedReported.Store(false)
		}
	}
	return well
}

// sorted returns the deliverers by their endpoints' ids.
func (m *Manager) sorted() []*deliverer {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*deliverer, 0, len(m.endpoints))
	for _, d := range m.endpoints {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *deliverer) int { return strings.Compare(a.endpoint.ID, b.endpoint.ID) })
	return all
}

// find returns what serves an endpoint.
func (m *Manager) find(id string) (*deliverer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.endpoints[id]
	if d == nil && m.phase == waiting && m.opts.Added != nil {
		return nil, unavailable("webhooks have not started yet")
	}
	if d == nil {
		return nil, sim.Errorf(sim.CodeNotFound, "there is no webhook endpoint %.70q", id)
	}
	return d, nil
}

// started launches what serves an endpoint, if the Manager runs. Change is held.
func (m *Manager) started(d *deliverer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endpoints[d.endpoint.ID] = d
	if m.phase == running {
		d.launch(m.stop, m.attempting())
	}
}

// changing begins a change of the endpoints. The context that it returns ends
// with ctx, and in time.
func (m *Manager) changing(ctx context.Context) (_ context.Context, done func(), _ error) {
	if m.current() == ended { // which holds change until all deliveries have ended
		return nil, nil, errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	if !m.awaitKept(ctx) {
		cancel()
		return nil, nil, unavailable("webhooks have not started yet; nothing was changed")
	}
	select {
	case m.change <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return nil, nil, &sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second,
			Message: "the webhook endpoints are being changed by others for long"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == ended {
		cancel()
		<-m.change
		return nil, nil, errDraining
	}
	unlink := func() bool { return true }
	if m.phase == running {
		unlink = context.AfterFunc(m.attempting(), cancel)
	}
	return ctx, func() { unlink(); cancel(); <-m.change }, nil
}

func (m *Manager) current() phase {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phase
}

var errDraining = &sim.Error{Code: sim.CodeDraining, RetryAfter: 5 * time.Second, Message: "webhooks have stopped, this custodian is shutting down"}
