//go:build integration

package supervisor

import (
	"bytes"
	"testing"
)

func TestRealBooksAreClonedAndRestored(t *testing.T) {
	eachIsolation(t, booksAreClonedAndRestored)
}

func booksAreClonedAndRestored(t *testing.T, p *place) {
	h := launch(t, options{config: p.config})
	source := h.add(p.name("source"))
	h.deposit(source.HTTPAddr, "one")
	file := h.take(p.name("source"))
	h.deposit(source.HTTPAddr, "two")

	clone := h.must(h.Clone(h.ctx, p.name("source"), CloneOptions{Name: p.name("clone"), HTTPPort: freePort(t), GRPCPort: freePort(t)}))
	h.deposit(clone.HTTPAddr, "three")
	if got := h.settlements(clone.HTTPAddr); got != 3 {
		t.Errorf("the clone has %d settlements, expected 3", got)
	}
	h.must(h.Drain(h.ctx, p.name("clone"), 0, true))
	if _, err := h.Restore(h.ctx, p.name("clone"), bytes.NewReader(file[:len(file)-1])); err == nil {
		t.Error("a snapshot that was cut off was restored")
	}
	h.must(h.Restore(h.ctx, p.name("clone"), bytes.NewReader(file)))
	p.wantRow(h.ctx, "1", `SELECT count(*)::text FROM `+p.schema("clone")+`.settlements`)
	clone = h.must(h.Start(h.ctx, p.name("clone"), true))
	h.deposit(clone.HTTPAddr, "four")
	if got := h.settlements(clone.HTTPAddr); got != 2 {
		t.Errorf("the restored clone has %d settlements, expected 2", got)
	}

	// Between stores.
	h.add("file", `"storage":{"driver":"sqlite"}`)
	h.must(h.Drain(h.ctx, "file", 0, true))
	h.must(h.Restore(h.ctx, "file", bytes.NewReader(file)))
	small := h.must(h.Start(h.ctx, "file", true))
	if got := h.settlements(small.HTTPAddr); got != 1 {
		t.Errorf("the file has %d settlements, expected 1", got)
	}
}
