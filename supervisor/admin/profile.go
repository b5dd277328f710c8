package admin

import (
	"net/http"
	"net/http/pprof" // what it registers by itself is on a multiplexer that nothing serves
	"runtime"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

const (
	profilesPath = "/debug/pprof/"
	// profileSeconds is how long a profile is recorded at most.
	profileSeconds = 60
	// waitRate is the time of waiting, in nanoseconds, of which one sample is taken
	// in a block profile, and lockRate the number of contentions of which one is.
	waitRate, lockRate = 10_000, 10
)

// profiles are those that there are. Those that are recorded need a time; of the
// others one tells what changes within it, or without it what is.
var profiles = []struct {
	name     string
	recorded bool
}{
	{"profile", true}, {"block", true}, {"mutex", true}, {"heap", false}, {"allocs", false}, {"goroutine", false},
}

// getProfile answers a profile of the process, which is large and slows it a bit
// while it is recorded: one at a time.
func getProfile(c *call) error {
	q := c.query()
	seconds := q.Int("seconds", 1, profileSeconds, 0)
	if err := q.Err(); err != nil {
		return err
	}
	asked, names := chi.URLParam(c.r, "profile"), make([]string, 0, len(profiles))
	for _, p := range profiles {
		names = append(names, p.name)
		if p.name != asked {
			continue
		}
		if p.recorded && seconds == 0 {
			return problem.Invalid("seconds", "must be given: for how long to record, from 1 to 60")
		}
		ctx, leave, err := c.lasting(&c.profiles, 1, "profiles")
		if err != nil {
			return err
		}
		defer leave()
		c.record(c.r.WithContext(ctx), asked)
		return nil
	}
	return problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is no profile of that name; there are "+strings.Join(names, ", "))
}

// record has the library write a profile. It ends with the request's context.
func (c *call) record(r *http.Request, name string) {
	switch name {
	case "profile":
		pprof.Profile(c.w, r)
		return
	case "block":
		runtime.SetBlockProfileRate(waitRate)
		defer runtime.SetBlockProfileRate(0)
	case "mutex":
		before := runtime.SetMutexProfileFraction(lockRate)
		defer runtime.SetMutexProfileFraction(before)
	}
	pprof.Handler(name).ServeHTTP(c.w, r)
}
