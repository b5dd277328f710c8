package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

const (
	// shortHistory is how many settlements an instance has that a long history is
	// held against.
	shortHistory = 10_000
	// growthConnections is how many connections the load has.
	growthConnections = 64
	// fewInstances is how many instances a program has that one with a crowd is held
	// against.
	fewInstances = 10
)

// growth measures what a settlement costs an instance with a long history next to
// one with a short one, how long both take to start, and what a settlement costs
// beside a crowd of idle instances next to beside a few.
func growth(ctx context.Context, b *bench) error {
	var failed error
	for _, driver := range []string{"postgres", "sqlite"} {
		if len(b.storages) > 0 && !slices.Contains(b.storages, driver) {
			continue
		}
		for _, of := range []func(context.Context, string) error{b.historyOn, b.companyOn} {
			if err := of(ctx, driver); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", driver, err))
			}
		}
	}
	return failed
}

// site is where a program of growth runs, again and again.
type site struct {
	*process
	b      *bench
	pg     *servers.Postgres // nil for what is no server
	dir    string
	config string
	close  func()
}

// newSite starts what the storage needs.
func (b *bench) newSite(ctx context.Context, driver string) (*site, error) {
	dir, err := os.MkdirTemp("", "custodian-bench-")
	if err != nil {
		return nil, err
	}
	s := &site{b: b, dir: dir, config: "storage: {driver: " + driver + "}\n", close: func() { _ = os.RemoveAll(dir) }} // of our own
	if driver != "postgres" {
		return s, nil
	}
	d, err := startServers(ctx)
	if err != nil {
		s.close()
		return nil, err
	}
	removeDir := s.close
	s.pg, s.config, s.close = d.pg, d.config, func() { d.close(); removeDir() }
	return s, nil
}

// start starts the program on instances.
func (s *site) start(ctx context.Context, entries ...string) (err error) {
	s.process, _, err = s.b.startIn(ctx, s.dir, s.config+"instances:\n"+strings.Join(entries, ""))
	return err
}

// end ends the program and what it was on.
func (s *site) end() {
	if s.process != nil {
		s.process.end()
	}
	s.close()
}

// historyOn measures what a long history costs.
func (b *bench) historyOn(ctx context.Context, driver string) error {
	s, err := b.newSite(ctx, driver)
	if err != nil {
		return err
	}
	defer s.end()
	// Each round has a short history of its own, as what is measured makes it longer.
	instances := make([]*grown, b.rounds+1)
	var entries []string
	for n := range instances {
		instances[n] = &grown{name: fmt.Sprintf("short-%d", n), size: shortHistory}
		if n == b.rounds {
			instances[n] = &grown{name: "long", size: b.history}
		}
		if err := instances[n].place(); err != nil {
			return err
		}
		entries = append(entries, instances[n].entry)
	}
	long := instances[b.rounds]
	if err := s.start(ctx, entries...); err != nil {
		return err
	}
	for _, g := range instances {
		b.at("%s, filling %s with %d settlements", driver, g.name, g.size)
		if err := g.fill(ctx, s.process); err != nil {
			return err
		}
	}
	if s.pg != nil { // what is left of that should not be charged to what comes
		if err := execute(ctx, s.pg.AdminURL, "VACUUM ANALYZE"); err != nil {
			return err
		}
		if err := execute(ctx, s.pg.AdminURL, "CHECKPOINT"); err != nil {
			return err
		}
	}
	settled := [2]*costs{{}, {}}
	for round := range b.rounds {
		b.at("%s, settlements, round %d of %d", driver, round+1, b.rounds)
		for i, g := range []*grown{instances[round], long} {
			if err := settled[i].run(ctx, s, g.address, fmt.Sprint(round)); err != nil {
				return err
			}
		}
	}
	b.addCosts("settlements, "+driver, inHistory(shortHistory), inHistory(b.history), settled)
	return b.restarts(ctx, driver, s, instances[0], long)
}

// restarts measures how long the program takes with either instance until it has
// settled something, and what settlements cost thereafter, while what a start does
// not wait for is still being read.
func (b *bench) restarts(ctx context.Context, driver string, s *site, short, long *grown) error {
	took, after := [2][]float64{}, [2]*costs{{}, {}}
	for round := range b.rounds {
		for i, g := range []*grown{short, long} {
			b.at("%s, restarts, round %d of %d", driver, round+1, b.rounds)
			s.process.end()
			begin := time.Now()
			if err := s.start(ctx, g.entry); err != nil {
				return err
			}
			post, closePost, err := httpDepositsNamed(g.address, scattered(fmt.Sprintf("first-%d", round)))(ctx)
			if err != nil {
				return err
			}
			err = post(ctx, 1)
			took[i] = append(took[i], float64(time.Since(begin).Milliseconds()))
			closePost()
			if err != nil {
				return err
			}
			if err := after[i].run(ctx, s, g.address, fmt.Sprintf("after-%d", round)); err != nil {
				return err
			}
		}
	}
	few, many := inHistory(shortHistory), inHistory(b.history)
	b.addBoth("start until it has settled something, "+driver, few, many, "ms", took[0], took[1], "", "")
	b.addCosts("settlements after a start, "+driver, few, many, after)
	return nil
}

// companyOn measures what idle instances beside one that settles cost it. The two
// programs run at the same time, on servers of their own, and take turns.
func (b *bench) companyOn(ctx context.Context, driver string) error {
	sites := [2]*site{}
	addresses := [2]string{}
	for i, size := range []int{fewInstances, crowdSize} {
		b.at("%s, starting %d instances", driver, size)
		s, err := b.newSite(ctx, driver)
		if err != nil {
			return err
		}
		defer s.end()
		entries := crowdEntries(size, i*crowdSize)
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", crowdHTTP+i*crowdSize)
		if err := s.start(ctx, entries...); err != nil {
			return err
		}
		// A scrape of all would cost a part of what is measured.
		s.metrics = "http://" + addresses[i] + "/metrics"
		sites[i] = s
	}
	if err := pause(ctx, settleDown); err != nil {
		return err
	}
	beside := [2]*costs{{}, {}}
	for round := range b.rounds {
		b.at("%s, settlements beside others, round %d of %d", driver, round+1, b.rounds)
		for i, s := range sites {
			if err := beside[i].run(ctx, s, addresses[i], fmt.Sprint(round)); err != nil {
				return err
			}
		}
	}
	b.addCosts("settlements, "+driver, fmt.Sprintf("one of %d instances", fewInstances), fmt.Sprintf("one of %d instances", crowdSize), beside)
	return nil
}

// grown is an instance with a history of some size.
type grown struct {
	name    string
	size    int // a multiple of bulkSize, or a little more
	entry   string
	address string
}

// place gives it ports.
func (g *grown) place() error {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = servers.FreePort(); err != nil {
			return err
		}
	}
	g.entry = fmt.Sprintf("  - {name: %s, http_port: %d, grpc_port: %d}\n", g.name, ports[0], ports[1])
	g.address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	return nil
}

// fill gives it its history by bulk requests, and returns once the tables show it.
func (g *grown) fill(ctx context.Context, p *process) error {
	connect := httpBulk(g.address, scattered("history"))
	var sent atomic.Int64
	group, grouped := errgroup.WithContext(ctx)
	for range bulkConnections {
		group.Go(func() error {
			post, closePost, err := connect(grouped)
			if err != nil {
				return err
			}
			defer closePost()
			for {
				n := sent.Add(1) - 1
				if n*bulkSize >= int64(g.size) {
					return nil
				}
				if err := post(grouped, uint64(n)); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := p.catchUp(ctx)
	return err
}

// costs are runs of the same load, and what its settlements used of the processors
// until the tables showed them, in microseconds each.
type costs struct {
	series
	program, server, both []float64
}

func (c *costs) run(ctx context.Context, s *site, address, run string) error {
	used := func() (program, server time.Duration, err error) {
		if program, err = s.used(); err == nil && s.pg != nil {
			server, err = usedByFamily(s.pg.PID())
		}
		return program, server, err
	}
	program, server, err := used()
	if err != nil {
		return err
	}
	length := time.Duration(s.b.seconds) * time.Second
	if err := c.series.run(ctx, s.process, growthConnections, length, httpDepositsNamed(address, scattered(run))); err != nil {
		return err
	}
	programThen, serverThen, err := used()
	if err != nil {
		return err
	}
	ofProgram := float64((programThen - program).Microseconds()) / float64(c.requests)
	ofServer := float64((serverThen - server).Microseconds()) / float64(c.requests)
	c.program, c.server, c.both = append(c.program, ofProgram), append(c.server, ofServer), append(c.both, ofProgram+ofServer)
	return nil
}

// addCosts records costs, few those that the others are held against.
func (b *bench) addCosts(what, few, many string, costs [2]*costs) {
	b.addBoth(what, few, many, "/s", costs[0].perSecond, costs[1].perSecond, costs[0].note(), costs[1].note())
	b.addBoth("processor time of "+what+", program", few, many, "µs", costs[0].program, costs[1].program, "", "")
	if costs[0].server[0] > 0 {
		b.addBoth("processor time of "+what+", PostgreSQL", few, many, "µs", costs[0].server, costs[1].server, "", "")
		b.addBoth("processor time of "+what+", both", few, many, "µs", costs[0].both, costs[1].both, "", "")
	}
}

// addBoth records the same figure of few and of many.
func (b *bench) addBoth(what, few, many, unit string, ofFew, ofMany []float64, noteOfFew, noteOfMany string) {
	base := b.add(what+", "+few, unit, ofFew, "", 0, noteOfFew)
	b.add(what+", "+many, unit, ofMany, few, base, noteOfMany)
}

func inHistory(n int) string { return fmt.Sprintf("%d in history", n) }
