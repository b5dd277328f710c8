//go:build integration

package main_test

import (
	"flag"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	tortureRounds = flag.Int("torture.rounds", 10, "how often the supervisor is killed")
	tortureSeed   = flag.Uint64("torture.seed", 0, "seed of the load and of the moments at which the supervisor is killed; 0 for a new one")
)

const (
	// earliestKill and latestKill bound the moment of a kill, counted from the
	// first request of its round.
	earliestKill, latestKill = 50 * time.Millisecond, 800 * time.Millisecond
	// serveWithin is how long all instances may take to serve after a kill. The
	// program runs with the race detector here, on machines that are busy.
	serveWithin = 15 * time.Second
)

// tortured are the custodians under torture: both kinds of durable books, each
// with a profile that settles at once and with one that takes days.
var tortured = []entry{
	{"quick-file", "profile: instant, storage: {driver: sqlite}"},
	{"quick-server", "profile: instant"},
	{"bank-file", "profile: global-custodian, storage: {driver: sqlite}, clock: {mode: manual, now: '" + bankOpens + "'}"},
	{"bank-server", "profile: global-custodian, clock: {mode: manual, now: '" + bankOpens + "'}"},
}

// bankOpens is where the manual clocks begin.
const bankOpens = "2026-11-23T14:00:00Z"

func TestBooksSurviveKillsAtRandomMoments(t *testing.T) {
	t.Parallel()
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (the load of a round is the same again, what a kill meets depends on the machine)", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	s := superviseAll(t, tortured)
	victims := make([]*victim, len(tortured))
	for n, e := range tortured {
		victims[n] = newVictim(s, e.name, strings.HasPrefix(e.name, "bank"))
	}

	// Verification reads all of history, which grows: it has ten turns at most.
	verifyEvery := max(5, *tortureRounds/10)
	var slowest time.Duration
	for round := 1; round <= *tortureRounds; round++ {
		moment := earliestKill + time.Duration(moments.Int64N(int64(latestKill-earliestKill)))
		for n, v := range victims {
			v.load(round, rand.New(rand.NewPCG(seed, uint64(round*len(victims)+n))).Uint64())
		}
		<-time.After(moment)
		s.stop(syscall.SIGKILL)
		var acked, unknown int
		for _, v := range victims {
			a, u := v.end()
			acked, unknown = acked+a, unknown+u
		}
		verified := ""
		if round%verifyEvery == 0 {
			s.verify() // as the kill has left them
			verified = ", verified"
		}

		began := time.Now()
		s.start()
		took := time.Since(began)
		slowest = max(slowest, took)
		if took > serveWithin {
			t.Errorf("the instances served %v after the start, want %v", took, serveWithin)
		}
		present := 0
		for _, v := range victims {
			present += v.check()
		}
		if t.Failed() {
			t.Fatalf("round %d failed; seed %d", round, seed)
		}
		t.Logf("round %d/%d: killed after %v, %d requests acknowledged, %d without an answer of which %d were carried out; serving after %v%s",
			round, *tortureRounds, moment.Round(time.Millisecond), acked, unknown, present, took.Round(time.Millisecond), verified)
	}

	for _, v := range victims {
		v.checkAll()
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	s.verify()
	t.Logf("%d kills, the slowest start took %v; seed %d", *tortureRounds, slowest.Round(time.Millisecond), seed)
}
