//go:build integration

package main_test

import (
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
)

var (
	tortureRounds = flag.Int("torture.rounds", 0, "how often the supervisor is killed; 0 is the number of a test run")
	tortureSeed   = flag.Uint64("torture.seed", 0, "seed of the load and of the moments at which the supervisor is killed; 0 for a new one")
)

const (
	// earliestKill and latestKill bound the moment of a kill, or of what is to be
	// killed, counted from the first request of its round.
	earliestKill, latestKill = 50 * time.Millisecond, 800 * time.Millisecond
	// bankOpens is where the manual clocks begin.
	bankOpens = "2026-11-23T14:00:00Z"
	// openingEvents is how many events the opening of the spares has.
	openingEvents = 2
)

// roundsAsked returns how many rounds a test has, and where it shows how far it is: nowhere
// unless somebody asked for a number, for tests of a test run go on beside each other.
func roundsAsked(flag, standard int) (rounds int, show *terminal.Screen) {
	if flag == 0 {
		return standard, terminal.NewScreen(io.Discard, os.Getenv)
	}
	return flag, terminal.NewScreen(os.Stderr, os.Getenv)
}

// torturedBy are the custodians under torture, both kinds of durable books, each
// with a profile that settles at once and with one that takes days; and the
// spares, whose books are replaced.
func torturedBy(sink *sink) (victims, spares []entry) {
	const file, opening = "storage: {driver: sqlite}, ", "opening: {positions: [{account_id: fund, symbol: BTC, quantity: 1}]}"
	bank := "profile: global-custodian, clock: {mode: manual, now: '" + bankOpens + "'}, "
	victims = []entry{
		{"quick-file", file}, {"quick-server", ""}, {"bank-file", bank + file}, {"bank-server", bank},
	}
	for n := range victims {
		victims[n].settings += sink.settings(victims[n].name)
	}
	return victims, []entry{{"spare-file", file + opening}, {"spare-server", opening}}
}

func TestBooksSurviveKillsAtRandomMoments(t *testing.T) {
	t.Parallel()
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (the load of a round is the same again, what a kill meets depends on the machine)", seed)
	sink := newSink(t)
	entries, spares := torturedBy(sink)
	s := superviseAll(t, append(entries, spares...))
	m := &moments{s: s, random: rand.New(rand.NewPCG(seed, 0)), sink: sink}
	for _, e := range entries {
		m.victims = append(m.victims, newVictim(s, e.name, strings.HasPrefix(e.name, "bank"), sink))
	}
	for _, e := range spares {
		m.spares = append(m.spares, &spare{name: e.name})
	}

	// Verification reads all of history, which grows: it has ten turns at most.
	rounds, show := roundsAsked(*tortureRounds, 10)
	verifyEvery := max(5, rounds/10)
	var slowest time.Duration
	requests := 0
	var at atomic.Uint64
	defer show.ShowLive(func() terminal.Progress {
		return terminal.Progress{What: "killing the supervisor", Done: at.Load(), Total: uint64(rounds), Unit: "rounds"}
	})()
	for round := 1; round <= rounds; round++ {
		now := m.choose(round)
		if now.prepare != nil {
			now.prepare()
		}
		after := earliestKill + time.Duration(m.random.Int64N(int64(latestKill-earliestKill)))
		for n, v := range m.victims {
			v.ending = now.endsAll || now.ends == v
			v.load(round, rand.New(rand.NewPCG(seed, uint64(round*len(m.victims)+n))).Uint64())
		}
		<-time.After(after)
		m.kill(now)
		var acked, unknown int
		for _, v := range m.victims {
			a, u := v.end()
			acked, unknown = acked+a, unknown+u
		}
		requests += acked
		verified := ""
		if round%verifyEvery == 0 {
			s.verify() // as the kill has left them
			verified = ", verified"
		}

		if now.launched != nil {
			now.launched()
		}
		sink.reborn()
		began := time.Now()
		s.start()
		took := time.Since(began)
		slowest = max(slowest, took)
		if now.check != nil {
			now.check()
		}
		present := 0
		for _, v := range m.victims {
			present += v.check()
		}
		if t.Failed() {
			t.Fatalf("round %d failed, killed while %s; seed %d", round, now.name, seed)
		}
		at.Store(uint64(round))
		show.Apart(func() {
			t.Logf("round %d/%d: killed while %s after %v, %d requests acknowledged, %d without an answer of which %d were carried out; serving after %v%s",
				round, rounds, now.name, after.Round(time.Millisecond), acked, unknown, present, took.Round(time.Millisecond), verified)
		})
	}

	for _, v := range m.victims {
		v.checkAll()
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	s.verify()
	t.Logf("%d kills, %d requests acknowledged before them, the slowest start took %v; seed %d",
		m.kills, requests, slowest.Round(time.Millisecond), seed)
}
