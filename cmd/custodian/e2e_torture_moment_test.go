//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// moment is something that the supervisor is doing when it is killed.
type moment struct {
	name string
	// prepare runs before the load begins.
	prepare func()
	// during runs when the kill is near, beside the load. It returns when it has
	// an answer or there will be none.
	during func()
	// ends is the victim that is told to end, or nil; endsAll is for all of them.
	ends    *victim
	endsAll bool
	// launched runs between the kill and the start that is waited for.
	launched func()
	// check runs after that start.
	check func()
}

// longestOperation bounds how long before the kill an operation begins.
const longestOperation = 400 * time.Millisecond

// moments makes up what the supervisor does while it is killed.
type moments struct {
	s       *supervised
	random  *rand.Rand
	victims []*victim
	spares  []*spare
	sink    *sink
	kills   int
}

// spare is an instance that nobody loads: its books are replaced.
type spare struct {
	name  string
	drain bool // whether it is drained
	ids   int
}

// choose returns the moment of a round. Ten rounds have each kind.
func (m *moments) choose(round int) moment {
	turn := round / 10
	victim, spare := m.victims[turn%len(m.victims)], m.spares[turn%len(m.spares)]
	other := m.spares[(turn+1)%len(m.spares)]
	switch round % 10 {
	case 2:
		return m.starting()
	case 3:
		return m.adding(round, "storage: {driver: sqlite}")
	case 4:
		return m.draining(victim)
	case 5:
		return m.restoring(spare, victim)
	case 6:
		return m.stopping()
	case 7:
		return m.resetting(other)
	case 8:
		return m.snapshotting(victim, spare)
	case 9:
		return m.adding(round, "")
	default:
		return moment{name: "serving"}
	}
}

func (m *moments) pause(most time.Duration) {
	<-time.After(time.Duration(m.random.Int64N(int64(most))))
}

func (m *moments) admin(name, path string) string {
	return m.s.admin + "/admin/v1/instances/" + m.s.name(name) + path
}

// starting kills the process several times while it starts: it loads and replays
// books, and asks for ownership of those that the dead process owned.
func (m *moments) starting() moment {
	return moment{name: "starting", launched: func() {
		for range 3 {
			m.sink.reborn()
			m.s.launch()
			m.pause(longestOperation)
			m.kill(moment{})
		}
	}}
}

// stopping kills the process while it shuts down in good order.
func (m *moments) stopping() moment {
	return moment{name: "stopping", endsAll: true, during: func() {
		_ = m.s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by the time of the kill, and that is as well
	}}
}

// adding kills it while it adds an instance, whose books it makes.
func (m *moments) adding(round int, settings string) moment {
	name := fmt.Sprintf("guest-%d", round)
	entry := map[string]any{"name": m.s.name(name), "http_port": freePort(m.s.t), "grpc_port": freePort(m.s.t)}
	if settings != "" {
		entry["storage"] = map[string]any{"driver": "sqlite"}
	}
	acked := false
	add := func() (int, []byte, error) { return m.s.try(http.MethodPost, m.s.admin+"/admin/v1/instances", entry) }
	return moment{name: "adding an instance", during: func() {
		status, _, err := add()
		acked = err == nil && status == http.StatusCreated
	}, check: func() {
		status, _, err := m.s.try(http.MethodGet, m.admin(name, ""), nil)
		switch {
		case err != nil:
			m.s.t.Fatal(err)
		case status == http.StatusNotFound && acked:
			m.s.t.Errorf("%s was added and is not there", name)
		case status == http.StatusNotFound:
			if status, body, err := add(); err != nil || status != http.StatusCreated {
				m.s.t.Errorf("adding %s again: %d %s %v", name, status, body, err)
			}
		}
		guest := m.s.instance(name)
		m.s.call(http.MethodPost, guest.url("/api/v1/settlements"), deposit("fund", "1", "ext"), http.StatusCreated, nil)
		m.s.call(http.MethodDelete, m.admin(name, "?purge=true"), nil, http.StatusNoContent, nil)
	}}
}

// draining kills it while it drains one of the loaded instances.
func (m *moments) draining(v *victim) moment {
	acked := false
	return moment{name: "draining " + v.name, ends: v, during: func() {
		status, _, err := m.s.try(http.MethodPost, m.admin(v.name, "/drain"), nil)
		acked = err == nil && status == http.StatusOK
	}, check: func() {
		if state := m.s.instance(v.name).State; acked && state != "drained" {
			m.s.t.Errorf("%s was drained and is %s", v.name, state)
		}
		m.s.call(http.MethodPost, m.admin(v.name, "/start"), nil, http.StatusOK, nil)
	}}
}

// books says where an instance's books are, and starts it for that.
func (m *moments) books(p *spare) digest {
	m.s.t.Helper()
	m.s.call(http.MethodPost, m.admin(p.name, "/start"), nil, http.StatusOK, nil)
	p.drain = false
	return stateOf(m.s, m.s.instance(p.name))
}

// use has something in a spare's books.
func (m *moments) use(p *spare) {
	m.s.t.Helper()
	p.ids++
	m.s.call(http.MethodPost, m.s.instance(p.name).url("/api/v1/settlements"),
		deposit("fund", "1", fmt.Sprintf("%s-%d", p.name, p.ids)), http.StatusCreated, nil)
}

func (m *moments) drain(p *spare) {
	m.s.t.Helper()
	m.s.call(http.MethodPost, m.admin(p.name, "/drain"), nil, http.StatusOK, nil)
	p.drain = true
}

// hasEvent reports whether an instance's books have the event in which others end.
func (m *moments) hasEvent(p *spare, d digest) bool {
	m.s.t.Helper()
	if d.Sequence == 0 {
		return true
	}
	events, err := eventsOf(m.s, m.s.instance(p.name), d.Sequence-1)
	if err != nil {
		m.s.t.Fatal(err)
	}
	return len(events) > 0 && events[0].Hash == d.Hash
}

// restoring kills it while the books of a spare are replaced by a snapshot: they
// are the old or the new ones after.
func (m *moments) restoring(p *spare, source *victim) moment {
	var old, restored digest
	var file []byte
	acked := false
	return moment{name: "restoring " + p.name, prepare: func() {
		m.use(p)
		old = m.books(p)
		restored = source.state(source.instance())
		file = m.snapshot(source.name)
		m.drain(p)
	}, during: func() {
		status, _, err := m.send(p, file)
		acked = err == nil && status == http.StatusOK
	}, check: func() {
		now := m.books(p)
		hasOld, hasNew := m.hasEvent(p, old), now.Sequence >= restored.Sequence && m.hasEvent(p, restored)
		if hasOld == hasNew || acked && !hasNew {
			m.s.t.Errorf("%s is at %d: old books (%d) %t, new books (%d) %t, acknowledged %t",
				p.name, now.Sequence, old.Sequence, hasOld, restored.Sequence, hasNew, acked)
		}
		m.use(p)
	}}
}

// resetting kills it while a spare is taken back to its opening.
func (m *moments) resetting(p *spare) moment {
	var old digest
	acked := false
	return moment{name: "resetting " + p.name, prepare: func() {
		m.use(p)
		old = m.books(p)
	}, during: func() {
		status, _, err := m.s.try(http.MethodPost, m.admin(p.name, "/reset"), nil)
		acked = err == nil && status == http.StatusOK
	}, check: func() {
		now := m.books(p)
		if hasOld := m.hasEvent(p, old); hasOld == (now.Sequence == openingEvents) || acked && hasOld {
			m.s.t.Errorf("%s is at %d: old books (%d) %t, acknowledged %t", p.name, now.Sequence, old.Sequence, hasOld, acked)
		}
		m.use(p)
	}}
}

// snapshotting kills it while it writes a snapshot of a loaded instance. One that
// is whole can be restored; of the rest nothing is taken.
func (m *moments) snapshotting(v *victim, p *spare) moment {
	var file []byte
	var broken error
	return moment{name: "a snapshot of " + v.name, during: func() {
		file, broken = m.receive(v.name)
	}, check: func() {
		old := m.books(p)
		m.drain(p)
		switch status, body, err := m.send(p, file); {
		case err != nil:
			m.s.t.Fatal(err)
		case (status == http.StatusOK) != (broken == nil):
			m.s.t.Errorf("restoring %d bytes of a snapshot (%v): %d %s", len(file), broken, status, body)
		}
		if m.books(p); m.hasEvent(p, old) != (broken != nil) {
			m.s.t.Errorf("the books of %s are not those that the restore should have left", p.name)
		}
	}}
}

// snapshot returns a whole snapshot.
func (m *moments) snapshot(name string) []byte {
	m.s.t.Helper()
	file, err := m.receive(name)
	if err != nil {
		m.s.t.Fatal(err)
	}
	return file
}

func (m *moments) receive(name string) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, m.admin(name, "/snapshot"), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	file, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, file)
	}
	return file, err
}

// send restores a file.
func (m *moments) send(p *spare, file []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, m.admin(p.name, "/restore"), strings.NewReader(string(file)))
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	body, err := io.ReadAll(resp.Body)
	if err == nil && !json.Valid(body) {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return resp.StatusCode, body, err
}

// kill has the process do what the moment is about and kills it within.
func (m *moments) kill(now moment) {
	var operation sync.WaitGroup
	if now.during != nil {
		operation.Go(now.during)
		m.pause(longestOperation)
	}
	m.s.stop(syscall.SIGKILL)
	m.kills++
	operation.Wait()
}
