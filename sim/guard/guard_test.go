package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

var errStore = errors.New("the store is away")

func TestRunTurnsAPanicIntoAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	err := guard.Run("part", func() error { panic(errStore) })
	p, ok := errors.AsType[*guard.Panic](err)
	if !ok || p.Part != "part" || p.Error() != "part: panic: the store is away" {
		t.Fatalf("got %v", err)
	}
	if errors.Is(err, errStore) {
		t.Error("a panic with an error passes for that error")
	}
	if !strings.Contains(p.Stack, "TestRunTurnsAPanicIntoAnErrorOfItsOwn") {
		t.Errorf("the stack does not lead to the panic: %s", p.Stack)
	}
	if !p.Tell() || p.Tell() {
		t.Error("it is not told once")
	}
}

func TestRunReturnsWhatThereIsToReturn(t *testing.T) {
	t.Parallel()
	if err := guard.Run("part", func() error { return errStore }); !errors.Is(err, errStore) {
		t.Errorf("got %v", err)
	}
	if err := guard.Run("part", func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAPanicThatIsCarriedOnKeepsItsStack(t *testing.T) {
	t.Parallel()
	first := guard.Run("first", func() error { panic("deliberate\nsecond line") })
	second := guard.Run("second", func() error { panic(first) })
	if !errors.Is(second, first) || second.Error() != "first: panic: deliberate" {
		t.Errorf("got %v", second)
	}
}

func TestGoroutinesReportTheirPanics(t *testing.T) {
	t.Parallel()
	told := make(chan *guard.Panic, 2)
	guard.Go("one", func(p *guard.Panic) { told <- p }, func() { panic("deliberate") })
	if p := <-told; p.Part != "one" {
		t.Errorf("got %v", p)
	}
	var group guard.Group
	group.Go("two", func(p *guard.Panic) { told <- p; panic("the report as well") }, func() { panic("deliberate") })
	group.Go("three", nil, func() { panic("deliberate") })
	group.Go("four", nil, func() {})
	group.Wait()
	if p := <-told; p.Part != "two" {
		t.Errorf("got %v", p)
	}
}
