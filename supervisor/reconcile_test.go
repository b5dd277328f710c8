package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// file is a configuration that a test changes.
type file struct {
	mu  sync.Mutex
	c   config.Config
	err error
}

func (f *file) load() (config.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.c, f.err
}

func (f *file) change(fn func(c *config.Config)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.c.Instances = slices.Clone(f.c.Instances)
	fn(&f.c)
}

func launchFile(t *testing.T, names ...string) (*harness, *file) {
	t.Helper()
	f := &file{c: testConfig(t)}
	for _, name := range names {
		f.c.Instances = append(f.c.Instances, entry(t, name))
	}
	return launch(t, options{config: f.c, load: f.load}), f
}

func TestReloadTouchesJustWhatChanged(t *testing.T) {
	t.Parallel()
	h, f := launchFile(t, "stays", "changes", "goes")
	stays, changes := h.must(h.Get("stays")), h.must(h.Get("changes"))
	f.change(func(c *config.Config) {
		c.Instances[1].Limits.MaxInFlight = 7
		c.Instances = append(c.Instances[:2], entry(t, "comes"))
	})
	plan, err := h.Reload(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{{"drain-and-forget", "goes"}, {"restart", "changes"}, {"add", "comes"}}
	slices.SortFunc(want[1:], func(a, b Change) int { return -compareNames(a, b) })
	slices.SortFunc(plan[1:], func(a, b Change) int { return -compareNames(a, b) })
	if !slices.Equal(plan, want) {
		t.Errorf("plan %v, want %v", plan, want)
	}
	h.awaitState("comes", StateRunning)
	h.until("goes is gone", func() bool { _, err := h.Get("goes"); return err != nil })
	h.until("changes runs anew", func() bool {
		s, _ := h.Get("changes")
		return s.State == StateRunning && s.Since.After(changes.Since)
	})
	if now := h.must(h.Get("stays")); now.Since != stays.Since {
		t.Error("an instance that did not change was restarted")
	}
	if now := h.must(h.Get("changes")); now.HTTPAddr != changes.HTTPAddr || now.Restarts != 0 || now.ManagedBy != FromFile {
		t.Errorf("changed: %+v", now)
	}
	if plan, err := h.Reload(h.ctx); err != nil || len(plan) != 0 {
		t.Errorf("the same again: %v, %v", plan, err)
	}
}

func compareNames(a, b Change) int {
	switch {
	case a.Instance < b.Instance:
		return -1
	case a.Instance > b.Instance:
		return 1
	}
	return 0
}

func TestBadFileChangesNothingAndSaysWhy(t *testing.T) {
	t.Parallel()
	h, f := launchFile(t, "one", "two")
	added := h.add("added")
	before := h.List()
	for what, change := range map[string]func(c *config.Config){
		"a duplicate name":  func(c *config.Config) { c.Instances[1].Name = "one" },
		"a name of the API": func(c *config.Config) { c.Instances[1].Name = "added" },
		"a shared schema":   func(c *config.Config) { c.Instances[1].Schema = "added" },
		"a new data_dir":    func(c *config.Config) { c.DataDir += "/elsewhere" },
		"a new admin port":  func(c *config.Config) { c.Admin.Listen = "127.0.0.1:1" },
		"no more storage":   func(c *config.Config) { c.Storage.Driver = config.StorageSQLite },
		"a new heartbeat":   func(c *config.Config) { c.Redis.HeartbeatInterval *= 2 },
	} {
		good, _ := f.load()
		f.change(change)
		if plan, err := h.Reload(h.ctx); err == nil {
			t.Errorf("%s was accepted: %v", what, plan)
		}
		f.change(func(c *config.Config) { *c = good })
	}
	f.err = errors.New("custodian.yaml:3: instanzes: unknown key")
	if _, err := h.Reload(h.ctx); !errors.Is(err, f.err) {
		t.Errorf("got %v", err)
	}
	now := h.List()
	for n := range before {
		if now[n].Since != before[n].Since || now[n].State != StateRunning {
			t.Errorf("%s: %+v", before[n].Name, now[n])
		}
	}
	h.deposit(added.HTTPAddr, "d-1")
}

func TestInstanceOfAFileCanBeDrainedButNotRemoved(t *testing.T) {
	t.Parallel()
	h, f := launchFile(t, "one")
	_, err := h.Remove(h.ctx, "one", RemoveOptions{Wait: true})
	wantKind(t, err, KindConflict, "one", "configuration file")
	h.must(h.Drain(h.ctx, "one", 0, true))
	if plan, err := h.Reload(h.ctx); err != nil || len(plan) != 0 {
		t.Errorf("a reload planned %v, %v", plan, err)
	}
	// A drained one takes a new entry for its next start.
	port := freePort(t)
	f.change(func(c *config.Config) { c.Instances[0].HTTPPort = port })
	if plan, err := h.Reload(h.ctx); err != nil || len(plan) != 0 {
		t.Errorf("a reload planned %v, %v", plan, err)
	}
	if s := h.must(h.Start(h.ctx, "one", true)); s.HTTPAddr != fmt.Sprintf("127.0.0.1:%d", port) {
		t.Errorf("started on %s, want the new port %d", s.HTTPAddr, port)
	}
}

func TestEntryThatComesBackWhileItDrainsIsAddedAgain(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	f := &file{c: testConfig(t)}
	f.c.Instances = []config.Instance{entry(t, "one")}
	h := launch(t, options{config: f.c, load: f.load, wrap: slow.wrap})
	addr := h.must(h.Get("one")).HTTPAddr
	slow.shut()
	go func() { _, _ = request(h.ctx, "POST", addr, "/api/v1/accounts", `{"account_id":"a"}`) }()
	slow.awaitHeld(h.ctx, t)
	one := f.c.Instances[0]
	f.change(func(c *config.Config) { c.Instances = nil })
	if _, err := h.Reload(h.ctx); err != nil {
		t.Fatal(err)
	}
	h.awaitState("one", StateDraining)
	_, err := h.Start(h.ctx, "one", true)
	wantKind(t, err, KindConflict, "one", "being removed")
	f.change(func(c *config.Config) { c.Instances = []config.Instance{one} })
	plan, err := h.Reload(h.ctx)
	if err != nil || !slices.Equal(plan, []Change{{"add", "one"}}) {
		t.Errorf("plan %v, %v", plan, err)
	}
	slow.open()
	h.awaitState("one", StateRunning)
	h.want(200, "GET", addr, "/api/v1/accounts/a", "")
}

func TestAppliedDocumentIsThePlanThatWasShown(t *testing.T) {
	t.Parallel()
	h, _ := launchFile(t, "filed")
	h.add("kept")
	h.add("gone")
	h.add("stopped")
	doc, tag, err := h.Desired(h.ctx)
	if err != nil || len(doc.Instances) != 4 || doc.Instances[0].ManagedBy != FromFile {
		t.Fatalf("%+v, %v", doc, err)
	}
	doc.Instances = slices.DeleteFunc(doc.Instances, func(e Entry) bool { return e.Instance.Name == "gone" })
	doc.Instances = append(doc.Instances, Entry{Instance: entry(t, "new"), ManagedBy: FromAPI})
	doc.Drained, doc.Paused = []string{"stopped"}, []string{"kept", "filed"}
	want := []Change{
		{"drain-and-forget", "gone"}, {"pause", "filed"}, {"pause", "kept"}, {"add", "new"}, {"drain", "stopped"},
	}
	plan, same, err := h.Apply(h.ctx, doc, tag, true)
	if err != nil || same != tag || !slices.Equal(plan, want) {
		t.Fatalf("dry run: %v, %q, %v; want %v", plan, same, err, want)
	}
	if _, now, _ := h.Desired(h.ctx); now != tag || len(h.List()) != 4 {
		t.Error("a dry run changed something")
	}
	done, next, err := h.Apply(h.ctx, doc, tag, false)
	if err != nil || next == tag || !slices.Equal(done, plan) {
		t.Fatalf("applied: %v, %q, %v", done, next, err)
	}
	h.awaitState("new", StateRunning)
	h.awaitState("stopped", StateDrained)
	h.awaitState("kept", StatePaused)
	h.awaitState("filed", StatePaused)
	h.until("gone is gone", func() bool { _, err := h.Get("gone"); return err != nil })
	_, _, err = h.Apply(h.ctx, doc, tag, false)
	wantKind(t, err, KindStale)
	again, still, err := h.Apply(h.ctx, doc, next, false)
	if err != nil || len(again) != 0 || still != next {
		t.Errorf("the same again: %v, %v; the tag was %q and is %q", again, err, next, still)
	}
}

func TestDocumentMustLeaveTheFilesEntriesAlone(t *testing.T) {
	t.Parallel()
	h, _ := launchFile(t, "filed")
	doc, tag, _ := h.Desired(h.ctx)
	left := doc
	left.Instances = nil
	_, _, err := h.Apply(h.ctx, left, tag, false)
	wantKind(t, err, KindConflict, "filed")
	changed := doc
	changed.Instances = slices.Clone(doc.Instances)
	changed.Instances[0].Instance.Seed = 99
	_, _, err = h.Apply(h.ctx, changed, tag, false)
	wantKind(t, err, KindConflict, "filed")
	twice := doc
	twice.Instances = append(slices.Clone(doc.Instances), doc.Instances[0])
	_, _, err = h.Apply(h.ctx, twice, tag, false)
	wantKind(t, err, KindConflict, "filed")
	unknown := doc
	unknown.Drained = []string{"nobody"}
	_, _, err = h.Apply(h.ctx, unknown, tag, false)
	wantKind(t, err, KindInvalid, "nobody")
	if _, now, _ := h.Desired(h.ctx); now != tag {
		t.Error("a refused document changed something")
	}
}

func TestPortsFromTheRangesStayWithTheirInstances(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	first := freePort(t)
	c.Ports.HTTP = config.PortRange{First: first, Last: first}
	second := freePort(t)
	c.Ports.GRPC = config.PortRange{First: second, Last: second}
	h := launch(t, options{config: c})
	one := h.add("one", `"http_port":0`)
	if one.HTTPAddr != fmt.Sprintf("127.0.0.1:%d", first) || one.GRPCAddr != fmt.Sprintf("127.0.0.1:%d", second) {
		t.Errorf("allocated: %+v", one)
	}
	_, err := h.Add(h.ctx, entry(t, "two", `"http_port":0`), true)
	wantKind(t, err, KindConflict, "used up", "two")
	h.must(h.Drain(h.ctx, "one", 0, true))
	if again := h.must(h.Start(h.ctx, "one", true)); again.HTTPAddr != one.HTTPAddr {
		t.Errorf("started on %s", again.HTTPAddr)
	}
	h.must(h.Remove(h.ctx, "one", RemoveOptions{Wait: true}))
	if two := h.add("two", `"http_port":0`); two.HTTPAddr != one.HTTPAddr {
		t.Errorf("the freed port was not given to the next: %+v", two)
	}
}

func TestDesiredStateThatCannotBeSavedChangesNothing(t *testing.T) {
	t.Parallel()
	h, _ := launchFile(t, "one")
	h.store = &unreliable{desiredStore: h.store}
	broken := h.store.(*unreliable)
	broken.fail(errors.New("disk full"), false)
	_, err := h.Drain(h.ctx, "one", 0, true)
	wantKind(t, err, KindUnavailable, "disk full")
	_, err = h.Add(h.ctx, entry(t, "two"), true)
	wantKind(t, err, KindUnavailable, "disk full")
	if s := h.must(h.Get("one")); s.State != StateRunning || len(h.List()) != 1 {
		t.Errorf("%+v", h.List())
	}
	// It was saved although the answer was lost: that counts.
	broken.fail(errors.New("connection lost in COMMIT"), true)
	h.must(h.Drain(h.ctx, "one", 0, true))
	broken.fail(nil, false)
	h.must(h.Start(h.ctx, "one", true))
}

func TestWhatAnotherSupervisorDecidedIsAdopted(t *testing.T) {
	t.Parallel()
	h, _ := launchFile(t, "one", "two")
	other, err := parseDesired([]byte(`{"instances":[],"drained":["two"],"paused":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	document, err := other.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Save(h.ctx, document, 0); err != nil {
		t.Fatal(err)
	}
	_, err = h.Drain(h.ctx, "one", 0, true)
	wantKind(t, err, KindConflict, "another supervisor")
	h.awaitState("two", StateDrained)
	h.must(h.Drain(h.ctx, "one", 0, true))
	if err := h.syncDesired(h.ctx); err != nil {
		t.Error(err)
	}
}
