package supervisor

import (
	"context"
	"testing"
)

func TestLongOperationThatEndsLateLeavesTheNextOneItsInstance(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	h.add("one")
	start := func(with string, rest operation) <-chan error {
		ended := make(chan error, 1)
		prepared := make(chan struct{})
		go func() {
			_, err := h.long(h.ctx, "one", nil, with, true, func(*instance) (operation, error) {
				close(prepared)
				return rest, nil
			})
			ended <- err
		}()
		<-prepared
		return ended
	}
	// The first gives the instance back, as a reset does before it waits for
	// the start.
	givenBack, late := make(chan struct{}), make(chan struct{})
	first := start("reset", func(_ context.Context, o *occupation) error {
		h.converge(mustFind(h, "one"), o)
		close(givenBack)
		<-late
		return nil
	})
	<-givenBack
	enough := make(chan struct{})
	second := start("looked at", func(context.Context, *occupation) error {
		<-enough
		return nil
	})
	close(late)
	if err := <-first; err != nil {
		t.Error(err)
	}
	_, err := h.Start(h.ctx, "one", true)
	wantKind(t, err, KindConflict, "one", "being looked at")
	close(enough)
	if err := <-second; err != nil {
		t.Error(err)
	}
	h.must(h.Start(h.ctx, "one", true))
}
