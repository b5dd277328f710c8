package badinput

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

var (
	requests = flag.Int("badinput.requests", 2500, "how many requests to send to each store")
	seed     = flag.Uint64("badinput.seed", 1, "seed of the first round")
	perRound = flag.Int("badinput.round", 4000, "how many requests a round has; each begins with new books")
)

// bank is an instance with everything there is, under a clock that stands still.
const bank = `,"profile":"global-custodian","clock":{"mode":"manual","now":"2026-11-23T14:00:00Z"},"reconciliation":{"interval":"24h"},
	"approvals":{"tiers":[{"below":"10000","required":1},{"required":2}]},
	"policies":[{"name":"pace","velocity":{"window":"24h","max_amount":"2000000"},"then":"reject"},
		{"name":"large","when":"transfer.quantity > 500000","then":"hold"}]` + opening

// memoryOnly is the configuration of a process that leaves nothing behind.
func memoryOnly(t *testing.T) config.Config {
	c := config.Default()
	c.Service.Name = "badinput"
	c.DataDir, c.Storage.Driver = t.TempDir(), config.StorageMemory
	c.Redis.Driver = config.RedisEmbedded
	low := port(t)
	c.Ports.HTTP, c.Ports.GRPC = config.PortRange{First: low, Last: low + 50}, config.PortRange{First: low + 51, Last: low + 100}
	return c
}

// rounds sends the requests to processes with a configuration that is made anew
// for each round.
func rounds(t *testing.T, configured func(t *testing.T) config.Config) {
	sent, accepted := 0, map[string]int{}
	var all []string
	var at, of atomic.Uint64
	end := terminal.NewScreen(os.Stderr, os.Getenv).ShowLive(func() terminal.Progress {
		return terminal.Progress{What: "sending", Done: at.Load(), Total: uint64(*requests), Unit: "requests", Detail: fmt.Sprintf("%s, seed %d", t.Name(), of.Load())}
	})
	defer end()
	for s := *seed; sent < *requests && !t.Failed(); s++ {
		c := configured(t)
		schema := func(name string) string { return `,"schema":"` + schemaOf(c, name) + `"` }
		p := start(t, c, entry(t, instanceNames[0], schema(instanceNames[0])+bank), entry(t, instanceNames[1], schema(instanceNames[1])+opening))
		administered := start(t, memoryOnly(t), entry(t, "one", ""))
		of.Store(s)
		r := newRound(t, s, p, administered)
		r.run(min(*perRound, *requests-sent), &at)
		r.serves()
		if bad := administered.log.bad(); bad != "" {
			t.Errorf("seed %d: the log of the administered process has\n%s", s, bad)
		}
		r.finish()
		administered.end()
		p.verify()
		sent += r.sent
		all = r.everything()
		for name, n := range r.accepted {
			accepted[name] += n
		}
	}
	end()
	t.Logf("%d requests from seed %d on", sent, *seed)
	// Requests that are never accepted show little.
	refused := 0
	for _, name := range all {
		if accepted[name] == 0 {
			refused++
			t.Logf("%s was never accepted", name)
		}
	}
	if refused*3 > len(all) && sent >= 2500 {
		t.Errorf("of %d operations and methods %d never accepted anything", len(all), refused)
	}
}

// schemaOf is the schema of an instance: servers may be shared with other tests.
func schemaOf(c config.Config, name string) string { return c.Service.Name + "_" + name }

func TestBadInputHurtsNoBooksInSQLite(t *testing.T) {
	rounds(t, func(t *testing.T) config.Config {
		c := memoryOnly(t)
		c.Storage.Driver = config.StorageSQLite
		return c
	})
}
