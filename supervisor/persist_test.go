package supervisor

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// files lists what lies in a directory and names a schema.
func files(t *testing.T, dir, schema string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), schema) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhatTheAPIDecidedSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	c.Instances = []config.Instance{entry(t, "filed"), entry(t, "other-stopped")}
	first := launch(t, options{config: c})
	running := first.add("added")
	first.deposit(running.HTTPAddr, "d-1")
	first.add("third-stopped")
	first.add("fourth-paused")
	first.add("removed")
	first.must(first.Drain(first.ctx, "other-stopped", 0, true))
	first.must(first.Drain(first.ctx, "third-stopped", 0, true))
	first.must(first.Pause(first.ctx, "fourth-paused"))
	first.must(first.Remove(first.ctx, "removed", RemoveOptions{Wait: true}))
	doc, _, err := first.Desired(first.ctx)
	if err != nil {
		t.Fatal(err)
	}
	first.end()

	second := launch(t, options{config: c})
	if now, _, err := second.Desired(second.ctx); err != nil || len(now.Instances) != len(doc.Instances) ||
		!slices.Equal(now.Drained, doc.Drained) || !slices.Equal(now.Paused, doc.Paused) {
		t.Errorf("desired %+v, want %+v (%v)", now, doc, err)
	}
	want := map[string]State{
		"filed": StateRunning, "other-stopped": StateDrained, "added": StateRunning,
		"third-stopped": StateDrained, "fourth-paused": StatePaused,
	}
	list := second.List()
	if len(list) != len(want) {
		t.Errorf("%d instances, want %d", len(list), len(want))
	}
	for name, state := range want {
		second.awaitState(name, state)
	}
	if n := second.settlements(running.HTTPAddr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
	paused := second.must(second.Get("fourth-paused"))
	second.want(http.StatusServiceUnavailable, http.MethodGet, paused.HTTPAddr, "/api/v1/accounts/a", "")
	second.must(second.Start(second.ctx, "third-stopped", true))
}

func TestPurgeLeavesNoFileAndRemoveLeavesTheBooks(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	h := launch(t, options{config: c})
	kept := entry(t, "kept")
	for _, e := range []config.Instance{kept, entry(t, "purged")} {
		s, err := h.Add(h.ctx, e, true)
		if err != nil {
			t.Fatal(err)
		}
		h.deposit(s.HTTPAddr, "d-1")
	}
	h.must(h.Remove(h.ctx, "kept", RemoveOptions{Wait: true}))
	h.must(h.Remove(h.ctx, "purged", RemoveOptions{Purge: true, Wait: true}))
	if left := files(t, c.DataDir, "purged"); len(left) != 0 {
		t.Errorf("purged left %v", left)
	}
	if len(files(t, c.DataDir, "kept")) == 0 {
		t.Error("the books are gone without a purge")
	}
	if len(h.List()) != 0 || len(h.scrape("instance=")) != 0 {
		t.Errorf("left: %+v", h.List())
	}
	back, err := h.Add(h.ctx, kept, true)
	if err != nil {
		t.Fatal(err)
	}
	if n := h.settlements(back.HTTPAddr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
}

func TestInstanceThatCannotBePurgedStaysAndCanBeRemovedAgain(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	h := launch(t, options{config: c})
	one := h.add("one")
	h.deposit(one.HTTPAddr, "d-1")
	h.must(h.Drain(h.ctx, "one", 0, true))
	inUse, err := sqlite.Open(h.ctx, sqlite.Options{Path: filepath.Join(c.DataDir, "one.db"), Instance: "one"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Remove(h.ctx, "one", RemoveOptions{Purge: true, Wait: true})
	wantKind(t, err, KindUnavailable, "one.db", "owned by")
	if s := h.must(h.Get("one")); s.State != StateDrained {
		t.Errorf("status %+v", s)
	}
	if err := inUse.Close(); err != nil {
		t.Fatal(err)
	}
	h.must(h.Remove(h.ctx, "one", RemoveOptions{Purge: true, Wait: true}))
	if left := files(t, c.DataDir, "one."); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestSecondSupervisorOnTheSameFilesIsToldWhoHasThem(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	h := launch(t, options{config: c})
	h.add("one")
	journal, _, err := h.host.storages.open(h.ctx, mustFind(h, "one").specNow(), nil)
	if err == nil {
		_ = journal.Close()
		t.Fatal("one file was opened twice")
	}
	if consequenceOf(err, false) != tryForAWhile || !strings.Contains(err.Error(), "owned by") {
		t.Errorf("got %v", err)
	}
}
