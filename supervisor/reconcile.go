package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

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
		t.specs[resolved.Name] = newSpec(resolved, merged.Ports.Host)
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

// plan lists what applying a target would do, in a stable order.
func (s *Supervisor) plan(t target, d desired) []Change {
	changes := []Change{}
	names := make([]string, 0, len(t.specs))
	for name := range t.specs {
		names = append(names, name)
	}
	slices.Sort(names)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var gone []string
	for name := range s.instances {
		if _, stays := t.specs[name]; !stays {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	for _, name := range gone {
		changes = append(changes, Change{"drain-and-forget", name})
	}
	for _, name := range names {
		i := s.instances[name]
		if i == nil {
			changes = append(changes, Change{"add", name})
			continue
		}
		i.mu.Lock()
		w, paused, spec := i.want, i.paused, i.spec
		i.mu.Unlock()
		stopped := w == wantStopped
		switch {
		case d.wantOf(name) == wantStopped && !stopped:
			changes = append(changes, Change{"drain", name})
		case d.wantOf(name) != wantStopped && stopped:
			changes = append(changes, Change{"start", name})
		case !stopped && spec.hash() != t.specs[name].hash():
			changes = append(changes, Change{"restart", name})
		}
		if paused != d.pausedOf(name) {
			action := "resume"
			if !paused {
				action = "pause"
			}
			changes = append(changes, Change{action, name})
		}
	}
	return changes
}

// apply makes the instances what file and API want. It only sets things in
// motion; nothing is waited for. It returns the instances that were added. The
// caller holds the change lock; after an error nothing has changed.
func (s *Supervisor) apply(file config.Config, d desired) ([]*instance, error) {
	t, err := s.resolve(file, d)
	if err != nil {
		return nil, err
	}
	changes := s.plan(t, d)
	var added []*instance
	for _, change := range changes {
		name := change.Instance
		spec, origin := t.specs[name], t.origins[name]
		if change.Action == "add" {
			if i := s.add(spec, origin, d); i != nil {
				added = append(added, i)
			}
			continue
		}
		i, err := s.find(name)
		if err != nil {
			continue // its removal ended in between
		}
		deadline := time.Now().Add(i.specNow().DrainGrace.Std())
		switch change.Action {
		case "drain-and-forget":
			go s.removed(i, deadline)
		case "restart":
			i.replace(spec, origin)
			i.setWant(wantRestarted, deadline)
		case "start":
			i.replace(spec, origin)
			i.setWant(wantRunning, time.Time{})
		case "drain":
			i.replace(spec, origin)
			i.setWant(wantStopped, deadline)
		case "pause", "resume":
			i.setPaused(change.Action == "pause")
		}
	}
	s.file = file
	return added, nil
}

// add puts an instance on the map and starts its keeper.
func (s *Supervisor) add(spec Spec, origin Origin, d desired) *instance {
	i := newInstance(s.host, spec, origin, d.wantOf(spec.Name), d.pausedOf(spec.Name))
	s.mu.Lock()
	s.instances[spec.Name] = i
	s.mu.Unlock()
	s.events.add(spec.Name, string(StatePending), "")
	go i.keep()
	return i
}

// removed drains an instance and takes it off the map.
func (s *Supervisor) removed(i *instance, deadline time.Time) {
	i.setWant(wantRemoved, deadline)
	<-i.gone
	name := i.specNow().Name
	s.mu.Lock()
	if s.instances[name] == i {
		delete(s.instances, name)
	}
	s.mu.Unlock()
	s.events.add(name, "removed", "")
}

// Reload reads the configuration again and adds, drains and restarts just what
// changed. A configuration with mistakes changes nothing; the error says why.
func (s *Supervisor) Reload(ctx context.Context) ([]Change, error) {
	file, err := s.opts.Load()
	if err != nil {
		return nil, err
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	if err := fixed(s.file, file); err != nil {
		return nil, err
	}
	t, err := s.resolve(file, s.desired)
	if err != nil {
		return nil, err
	}
	changes := s.plan(t, s.desired)
	if _, err := s.apply(file, s.desired); err != nil {
		return nil, err
	}
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
		{"admin.listen", before.Admin.Listen == after.Admin.Listen},
		{"service", before.Service == after.Service},
	} {
		if !f.same {
			return &Error{Kind: KindConflict,
				Message: fmt.Sprintf("%s cannot change while the process runs; restart it for that", f.key)}
		}
	}
	return nil
}
