package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// take returns the snapshot of an instance as a file.
func (h *harness) take(name string) []byte {
	h.t.Helper()
	s, err := h.Snapshot(h.ctx, name)
	if err != nil {
		h.t.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.Write(h.ctx, &file); err != nil {
		h.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		h.t.Fatal(err)
	}
	return file.Bytes()
}

// errorCounter counts what is logged as an error.
type errorCounter struct {
	slog.Handler
	errors *atomic.Int64
}

func (errorCounter) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

func (c errorCounter) Handle(context.Context, slog.Record) error {
	c.errors.Add(1)
	return nil
}

func (c errorCounter) WithAttrs([]slog.Attr) slog.Handler { return c }

func TestBooksMoveBetweenInstancesWithAllThatIsInThem(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{config.StorageSQLite, config.StorageMemory} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			var logged atomic.Int64
			h := launch(t, options{config: testConfig(t), logger: slog.New(errorCounter{slog.DiscardHandler, &logged})})
			storage := fmt.Sprintf(`"storage":{"driver":%q}`, driver)
			source := h.add("source", storage)
			for n := range 5 {
				h.deposit(source.HTTPAddr, fmt.Sprint("before-", n))
			}
			file := h.take("source")
			h.deposit(source.HTTPAddr, "after")
			target := h.add("target", storage)
			h.deposit(target.HTTPAddr, "old")

			_, err := h.Restore(h.ctx, "target", bytes.NewReader(file))
			wantKind(t, err, KindConflict, "target", "drain it")
			h.must(h.Drain(h.ctx, "target", 0, true))

			// Whatever is wrong with a file, the old books stay.
			for name, bad := range map[string][]byte{
				"no snapshot": []byte("hello, this is something else altogether"),
				"empty":       nil,
				"cut off":     file[:len(file)-9],
				"longer":      append(bytes.Clone(file), 0),
				"newer":       bytes.Replace(file, []byte("snapshot\n\x00\x01"), []byte("snapshot\n\x00\x02"), 1),
				"header":      bytes.Replace(file, []byte(`"instance":"source"`), []byte(`"instance":"sourcE"`), 1),
				"batches":     flipped(file, len(file)-60),
			} {
				if _, err := h.Restore(h.ctx, "target", bytes.NewReader(bad)); err == nil {
					t.Errorf("%s: it was restored", name)
				} else {
					wantKind(t, err, KindInvalid, "not restored")
				}
			}
			if n := logged.Load(); n != 0 {
				t.Errorf("%d of these mistakes of callers are logged as if they were errors of the program", n)
			}
			status := h.must(h.Start(h.ctx, "target", true))
			if got := h.settlements(status.HTTPAddr); got != 1 {
				t.Errorf("after failures the target has %d settlements, expected its own", got)
			}

			h.must(h.Drain(h.ctx, "target", 0, true))
			h.must(h.Restore(h.ctx, "target", bytes.NewReader(file)))
			status = h.must(h.Start(h.ctx, "target", true))
			if got := h.settlements(status.HTTPAddr); got != 5 {
				t.Errorf("the target has %d settlements, expected the 5 of the snapshot", got)
			}
			h.deposit(status.HTTPAddr, "goes on")
			h.must(h.Drain(h.ctx, "target", 0, true))
			if again := h.take("target"); len(again) <= len(file) {
				t.Errorf("the snapshot of the stopped target has %d bytes, that of less had %d", len(again), len(file))
			}
		})
	}
}

func flipped(file []byte, at int) []byte {
	out := bytes.Clone(file)
	out[at] ^= 0x10
	return out
}

func TestACloneHasTheBooksOfItsSourceAndALifeOfItsOwn(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	source := h.add("source", `"seed":7`)
	h.deposit(source.HTTPAddr, "one")
	at := h.must(h.Get("source")).Durable
	h.deposit(source.HTTPAddr, "two")

	for name, want := range map[string]int{"whole": 2, "earlier": 1} {
		o := CloneOptions{Name: name, HTTPPort: freePort(t), GRPCPort: freePort(t)}
		if name == "earlier" {
			o.AtSequence = at
		}
		clone := h.must(h.Clone(h.ctx, "source", o))
		if clone.State != StateRunning || clone.ManagedBy != FromAPI || clone.HTTPAddr == source.HTTPAddr {
			t.Errorf("the clone is %+v", clone)
		}
		if got := h.settlements(clone.HTTPAddr); got != want {
			t.Errorf("clone %s has %d settlements, expected %d", name, got, want)
		}
		h.deposit(clone.HTTPAddr, "its own")
	}
	if got := h.settlements(source.HTTPAddr); got != 2 {
		t.Errorf("the source has %d settlements, expected 2", got)
	}

	_, err := h.Clone(h.ctx, "source", CloneOptions{Name: "whole"})
	wantKind(t, err, KindConflict, "whole")
	_, err = h.Clone(h.ctx, "source", CloneOptions{Name: "late", AtSequence: 1 << 40})
	wantKind(t, err, KindInvalid, "at_sequence")
	_, err = h.Clone(h.ctx, "nobody", CloneOptions{Name: "x"})
	wantKind(t, err, KindNotFound, "nobody")
	if _, err = h.Clone(h.ctx, "source", CloneOptions{Name: "Not A Name"}); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("a bad name is answered with %v", err)
	}

	// Books of an instance that was there before are not touched.
	h.must(h.Remove(h.ctx, "earlier", RemoveOptions{Wait: true}))
	_, err = h.Clone(h.ctx, "source", CloneOptions{Name: "earlier", HTTPPort: freePort(t), GRPCPort: freePort(t)})
	wantKind(t, err, KindConflict, "books")
	back := h.add("earlier")
	if got := h.settlements(back.HTTPAddr); got != 2 {
		t.Errorf("the books that were there before have %d settlements, expected 2", got)
	}
}
