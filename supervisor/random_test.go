package supervisor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func kindOf(err error) Kind {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Kind
	}
	return ""
}

// anything does one thing with one instance and accepts every refusal that
// others' doings can lead to, and no other error.
func (h *harness) anything(ctx context.Context, random *rand.Rand, entries []config.Instance) {
	e := entries[random.IntN(len(entries))]
	grace := time.Duration(random.IntN(20)) * time.Millisecond
	wait := random.IntN(4) == 0
	var err error
	what := ""
	switch random.IntN(16) {
	case 0, 1, 2, 3:
		what = "add"
		_, err = h.Add(ctx, e, wait)
	case 4, 5:
		what = "drain"
		_, err = h.Drain(ctx, e.Name, grace, wait)
	case 6, 7:
		what = "start"
		_, err = h.Start(ctx, e.Name, wait)
	case 8, 9:
		what = "restart"
		_, err = h.Restart(ctx, e.Name, grace, wait)
	case 10:
		what = "pause"
		_, err = h.Pause(ctx, e.Name)
	case 11:
		what = "resume"
		_, err = h.Resume(ctx, e.Name)
	case 12:
		what = "reset"
		_, err = h.Reset(ctx, e.Name, grace, wait)
	case 13:
		what = "remove"
		_, err = h.Remove(ctx, e.Name, RemoveOptions{Grace: grace, Purge: random.IntN(2) == 0, Wait: wait})
	case 14:
		what = "reload"
		_, err = h.Reload(ctx)
	default:
		h.List()
		h.Readiness()
	}
	switch kindOf(err) {
	case KindConflict, KindNotFound:
		err = nil
	}
	if err != nil && !errors.Is(err, errGone) {
		h.t.Errorf("%s %s: %v", what, e.Name, err)
	}
}
