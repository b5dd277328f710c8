// Package guard keeps panics where they happen.
//
// A process hosts many custodians, and a panic that leaves its goroutine ends
// them all. So every goroutine that works for one of them is started here, and
// code that libraries call on goroutines of their own runs under [Run] or [Do].
// What is recovered is told to whoever can end and restart the one custodian
// that it belongs to.
package guard

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

// Panic is a panic that was recovered, as an error. It wraps nothing: whatever
// the value is, a panic is a defect and not the error that it may hold.
type Panic struct {
	// Part is what panicked: one of few names, fit for a metric.
	Part string
	// Value is what it panicked with.
	Value any
	// Stack is that of the goroutine, where it panicked first.
	Stack string

	told atomic.Bool
}

// Error returns part and value in one line.
func (p *Panic) Error() string {
	value, _, _ := strings.Cut(fmt.Sprint(p.Value), "\n")
	return p.Part + ": panic: " + value
}

// Tell reports, once, that nobody has told of the panic yet. Where one passes
// through several hands, the first logs and counts it.
func (p *Panic) Tell() bool { return !p.told.Swap(true) }

// Report is told of panics. It is called on the goroutine that panicked, while
// that ends.
type Report func(*Panic)

// Recovered makes a Panic of what recover returned, in the function that called
// recover. A Panic that was raised again, to carry it to another goroutine, is
// returned as it is.
func Recovered(part string, value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	return &Panic{Part: part, Value: value, Stack: string(debug.Stack())}
}

// Run calls fn and turns its panic into a [*Panic].
func Run(part string, fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = Recovered(part, value)
		}
	}()
	return fn()
}

// Apart is [Run] on a goroutine of its own, for which it waits. The stack that fn
// needs is given back with that goroutine; on a caller's that is to wait for long
// afterwards it would stay.
func Apart(part string, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- Run(part, fn) }()
	return <-done
}

// Do calls fn and reports its panic.
func Do(part string, report Report, fn func()) {
	defer func() {
		if value := recover(); value != nil {
			report.tell(Recovered(part, value))
		}
	}()
	fn()
}

// tell calls the report. One that panics itself must not do more harm.
func (r Report) tell(p *Panic) {
	if r == nil {
		return
	}
	defer func() { _ = recover() }()
	r(p)
}

// Go calls fn on a goroutine of its own and reports its panic.
func Go(part string, report Report, fn func()) {
	go Do(part, report, fn)
}

// Group is a [sync.WaitGroup] of guarded goroutines.
type Group struct{ running sync.WaitGroup }

// Go calls fn on a goroutine of the group, as [Go] does.
func (g *Group) Go(part string, report Report, fn func()) {
	g.running.Go(func() { Do(part, report, fn) })
}

// Wait waits for all of them.
func (g *Group) Wait() { g.running.Wait() }
