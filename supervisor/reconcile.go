package supervisor

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Change is one step of a plan.
type Change struct {
	// Action is add, restart, drain-and-forget, start, drain, pause or resume.
	Action   string `json:"action"`
	Instance string `json:"instance"`
}

// target is what should run: every entry with its origin.
type target struct {
	specs   map[string]Spec
	origins map[string]Origin
}

// resolve merges the file's entries with those of the API and gives every one
// its ports. It changes nothing. Instances that run keep their ports.
func (s *Supervisor) resolve(file config.Config, d desired) (target, error) {
	merged := file
	merged.Instances = slices.Concat(file.Instances, d.entries)
	if err := config.Validate(merged); err != nil {
		return target{}, err
	}
	ports, problems := config.Plan(merged, s.portsInUse())
	if len(problems) > 0 {
		return target{}, &config.Problems{List: problems}
	}
	t := target{specs: make(map[string]Spec), origins: make(map[string]Origin)}
	for n, entry := range merged.Instances {
		resolved := merged.Resolve(entry)
		resolved.HTTPPort, resolved.GRPCPort = ports[resolved.Name].HTTP, ports[resolved.Name].GRPC
		t.specs[resolved.Name] = newSpec(resolved, merged.Ports)
		t.origins[resolved.Name] = FromFile
		if n >= len(file.Instances) {
			t.origins[resolved.Name] = FromAPI
		}
	}
	return t, nil
}

func (s *Supervisor) portsInUse() map[string]config.PortPair {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ports := make(map[string]config.PortPair, len(s.instances))
	for name, i := range s.instances {
		spec := i.specNow()
		ports[name] = config.PortPair{HTTP: spec.HTTPPort, GRPC: spec.GRPCPort}
	}
	return ports
}

// plan lists what applying a target would do, in a stable order. Instances that
// a long operation is busy with are left out: they are looked at when it ends.
func (s *Supervisor) plan(t target, d desired) []Change {
	s.mu.RLock()
	defer s.mu.RUnlock()
	changes := []Change{}
	for _, name := range slices.Sorted(maps.Keys(s.instances)) {
		if _, stays := t.specs[name]; stays {
			continue
		}
		if i := s.instances[name]; !i.isLeaving() && !i.isBusy() {
			changes = append(changes, Change{"drain-and-forget", name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.specs)) {
		i := s.instances[name]
		switch {
		case i == nil || i.isLeaving():
			changes = append(changes, Change{"add", name})
		case !i.isBusy():
			changes = append(changes, i.plan(t.specs[name], d)...)
		}
	}
	return changes
}

// plan lists what is to be done for one instance to be as its entry and the
// API's decisions want it.
func (i *instance) plan(spec Spec, d desired) []Change {
	i.mu.Lock()
	defer i.mu.Unlock()
	var changes []Change
	stopped, stop := i.want == wantStopped, d.wantOf(i.name) == wantStopped
	switch {
	case stop && !stopped:
		changes = append(changes, Change{"drain", i.name})
	case !stop && stopped:
		changes = append(changes, Change{"start", i.name})
	case !stopped && i.spec.hash() != spec.hash():
		changes = append(changes, Change{"restart", i.name})
	}
	if pause := d.pausedOf(i.name); pause != i.paused {
		action := "resume"
		if pause {
			action = "pause"
		}
		changes = append(changes, Change{action, i.name})
	}
	return changes
}

// apply carries out a plan. It only sets things in motion; nothing is waited
// for. It returns the instances that were added. The caller holds the change
// lock.
func (s *Supervisor) apply(t target, d desired, changes []Change) []*instance {
	var added []*instance
	for _, change := range changes {
		name := change.Instance
		spec, origin := t.specs[name], t.origins[name]
		i, err := s.find(name)
		if err != nil {
			if change.Action == "add" {
				added = append(added, s.add(spec, origin, d))
			}
			continue
		}
		deadline := i.deadlineFor(0)
		switch change.Action {
		case "drain-and-forget":
			s.ops.Add(1)
			guard.Go(operations, i.panicked, func() {
				defer s.ops.Done()
				s.removed(i, deadline, nil)
			})
		case "restart":
			i.replace(spec, origin)
			i.setWant(wantRestarted, deadline)
		case "start":
			i.replace(spec, origin)
			i.setWant(wantRunning, time.Time{})
		case "drain":
			i.setWant(wantStopped, deadline)
		case "pause", "resume":
			i.setPaused(change.Action == "pause")
		}
	}
	// What is stopped takes a new entry silently: there is nothing to be done,
	// but its next start is to find it.
	for name, spec := range t.specs {
		if i, err := s.find(name); err == nil && i.wantNow() == wantStopped && !i.isBusy() {
			i.replace(spec, t.origins[name])
		}
	}
	return added
}

// add puts an instance on the map and starts its keeper.
func (s *Supervisor) add(spec Spec, origin Origin, d desired) *instance {
	i := newInstance(s.host, spec, origin, d.wantOf(spec.Name), d.pausedOf(spec.Name))
	s.mu.Lock()
	s.instances[spec.Name] = i
	s.mu.Unlock()
	s.events.add(spec.Name, string(StatePending), "")
	guard.Go("keeper", i.panicked, i.keep)
	return i
}

// removed drains an instance and takes it off the map. If it is wanted again
// by then, it is added anew. The occupation is that of the operation, if any.
func (s *Supervisor) removed(i *instance, deadline time.Time, o *occupation) {
	i.setWant(wantRemoved, deadline)
	<-i.gone
	s.forgetLogins(i.specNow())
	s.mu.Lock()
	delete(s.instances, i.name)
	s.mu.Unlock()
	s.events.add(i.name, "removed", "")
	s.converge(i, o)
}

// converge makes one instance what file and API want, after it could not be
// touched for a while: it was busy, or is gone. It ends the occupation, if any.
func (s *Supervisor) converge(i *instance, o *occupation) {
	if s.lock(s.host.abort) != nil {
		return // shutting down
	}
	defer s.unlock()
	i.endBusy(o)
	isIt := func(entry config.Instance) bool { return entry.Name == i.name }
	if _, err := s.find(i.name); err != nil && !slices.ContainsFunc(slices.Concat(s.file.Instances, s.desired.entries), isIt) {
		return // neither there nor wanted
	}
	t, err := s.resolve(s.file, s.desired)
	if err != nil {
		s.opts.Logger.Error("instance cannot be made as it is wanted", "instance", i.name, "error", err)
		return
	}
	s.apply(t, s.desired, slices.DeleteFunc(s.plan(t, s.desired), func(c Change) bool { return c.Instance != i.name }))
}

// Reload reads the configuration again and adds, drains and restarts just what
// changed. A configuration with mistakes changes nothing; the error says why.
func (s *Supervisor) Reload(ctx context.Context) ([]Change, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	// Read under the lock: of two reloads the later one has the later file.
	file, err := s.opts.Load()
	if err != nil {
		return nil, err
	}
	if err := fixed(s.file, file); err != nil {
		return nil, err
	}
	t, err := s.resolve(file, s.desired)
	if err != nil {
		return nil, err
	}
	if err := s.host.loadTLS(file.Ports.TLS); err != nil {
		return nil, err
	}
	changes := s.plan(t, s.desired)
	s.file = file
	s.apply(t, s.desired, changes)
	return changes, nil
}

// fixed refuses changes that need a new process.
func fixed(before, after config.Config) error {
	for _, f := range []struct {
		key  string
		same bool
	}{
		{"data_dir", before.DataDir == after.DataDir},
		{"storage", before.Storage == after.Storage},
		{"redis", before.Redis == after.Redis},
		{"admin", reflect.DeepEqual(admission(before.Admin), admission(after.Admin))},
		{"service", before.Service == after.Service},
		{"tracing", before.Tracing == after.Tracing},
	} {
		if !f.same {
			return &Error{Kind: KindConflict,
				Message: fmt.Sprintf("%s cannot change while the process runs; restart it for that", f.key)}
		}
	}
	return nil
}

// admission returns the configuration of the admin API without what can change
// while it runs: who is let in.
func admission(a config.Admin) config.Admin {
	a.Tokens, a.TLS.Clients = nil, nil
	return a
}
