package simulation

import (
	"fmt"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Options say what to run.
type Options struct {
	Seed  uint64
	Steps int
	// Skip leaves out the steps for which it reports true; nil leaves out none.
	Skip func(step int) bool
	// Trace, if not nil, is called before each step with what it is to do.
	Trace func(step int, did string)
}

func (o *Options) trace(step int, did string) {
	if o.Trace != nil {
		o.Trace(step, did)
	}
}

// Outcome is how a history ended that went well.
type Outcome struct {
	Steps  int
	Events uint64
	// State is the digest of the state, Journal the hash of the last batch.
	State, Journal sim.Digest
}

// Failure is a history that went wrong.
type Failure struct {
	Options
	// Step is where it was found, or the number of steps where it was at the end.
	Step int
	// Did is what the step was to do.
	Did string
	// Err is what was found.
	Err error
}

// Error says what was found, where, and how to see it again.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d, step %d: %v\n\tthe step was: %s\n\tagain: make simulate FROM=%d SEEDS=1 STEPS=%d", f.Seed, f.Step, f.Err, f.Did, f.Seed, f.Steps)
}

// Unwrap returns what was found.
func (f *Failure) Unwrap() error { return f.Err }

// Run runs the history of a seed on what open makes of the seed's world. What goes
// wrong is a [*Failure].
func Run(o Options, open func(*World) (Target, error)) (out Outcome, err error) {
	w := NewWorld(o.Seed)
	fail := func(step int, did string, err error) (Outcome, error) {
		return out, &Failure{Options: o, Step: step, Did: did, Err: err}
	}
	did, step := "opening", 0
	defer func() {
		if p := recover(); p != nil {
			_, err = fail(step, did, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	target, err := open(w)
	if err != nil {
		return fail(0, did, err)
	}
	var past []sim.Request
	for ; step < o.Steps; step++ {
		if o.Skip != nil && o.Skip(step) {
			continue
		}
		d := newDice(o.Seed, step)
		trouble := NoTrouble
		if d.in(25) {
			trouble = pick(d, AppendFails, AppendLost, ProjectFails, StoreAway)
		}
		if d.in(60) {
			crash := d.in(2)
			did = fmt.Sprintf("restart (crash: %v)", crash)
			o.trace(step, did)
			err = target.Restart(crash, d.Uint64())
		} else {
			p := &player{dice: d, world: w, audit: target.Auditor(), step: step, past: &past}
			requests := p.requests()
			did = describe(requests, trouble)
			o.trace(step, did)
			err = target.Ask(requests, trouble, d.Uint64())
		}
		if err != nil {
			return fail(step, did, err)
		}
	}
	did = "the end"
	out.Steps, out.Events = o.Steps, target.Auditor().Sequence()
	if out.State, err = target.Finish(); err != nil {
		return fail(step, did, err)
	}
	out.Events, out.Journal = target.Auditor().Sequence(), target.Journal()
	return out, nil
}

// describe writes requests as they would be written in a test.
func describe(requests []sim.Request, trouble Trouble) string {
	var b strings.Builder
	for i := range requests {
		fmt.Fprintf(&b, "\n\t\t%T%+v", requests[i].Command, requests[i].Command)
		if key := requests[i].IdempotencyKey; key != "" {
			fmt.Fprintf(&b, " with key %s", key)
		}
	}
	if trouble != NoTrouble {
		fmt.Fprintf(&b, "\n\t\twith trouble %d of the store", trouble)
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, b.String())
}

// Shrink looks for a shorter history that fails as well, by leaving out steps, in
// at most so many attempts. It returns the failure of the shortest, with the steps
// that it takes.
func Shrink(f *Failure, attempts int, open func(*World) (Target, error)) (*Failure, []int) {
	keep := make([]int, 0, f.Step+1)
	for step := range f.Step + 1 {
		if step < f.Steps {
			keep = append(keep, step)
		}
	}
	best := f
	for size := (len(keep) + 1) / 2; size >= 1 && attempts > 0; {
		removed := false
		for from := 0; from < len(keep) && attempts > 0; {
			fewer := append(append([]int(nil), keep[:from]...), keep[min(from+size, len(keep)):]...)
			attempts--
			if again := only(f, fewer, open); again != nil {
				best, keep, removed = again, fewer, true
				continue
			}
			from += size
		}
		if !removed || size > 1 {
			if size == 1 {
				break
			}
			size = (size + 1) / 2
		}
	}
	return best, keep
}

// only runs a history with some of its steps alone, and returns its failure if it
// is the same as another, but for the numbers in it.
func only(f *Failure, steps []int, open func(*World) (Target, error)) *Failure {
	kept := make(map[int]bool, len(steps))
	for _, step := range steps {
		kept[step] = true
	}
	o := Options{Seed: f.Seed, Steps: min(f.Step+1, f.Steps), Skip: func(step int) bool { return !kept[step] }}
	_, err := Run(o, open)
	again, ok := err.(*Failure) //nolint:errorlint // Run returns nothing else
	if !ok || kind(again.Err) != kind(f.Err) {
		return nil
	}
	return again
}

// kind is an error without what differs from history to history.
func kind(err error) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' || r == '-' || (r >= 'a' && r <= 'f') {
			return -1
		}
		return r
	}, err.Error())
}
