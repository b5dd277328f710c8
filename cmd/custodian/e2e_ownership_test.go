//go:build integration

package main_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

var (
	ownershipRounds = flag.Int("ownership.rounds", 0, "how often an owner is stopped and its instances are taken over; 0 is the number of a test run")
	ownershipSilent = flag.Bool("ownership.silent", false, "leave it to PostgreSQL to end the session of a stopped owner")
)

// These tests let two processes of the built program want the same instances.

// configured is a supervisor that is not started yet. Those with the same id have
// the same instances, each on ports of its own.
func configured(t *testing.T, id, storage string, instances []string) *supervised {
	t.Helper()
	s := &supervised{t: t, id: id}
	port := freePort(t)
	s.admin = fmt.Sprintf("http://127.0.0.1:%d", port)
	var config strings.Builder
	fmt.Fprintf(&config, "admin: {listen: '127.0.0.1:%d'}\nservice: {name: %s}\n%s\n", port, id, storage)
	fmt.Fprintf(&config, "redis: {driver: server, url: %q}\ninstances:\n", environment(t, servers.EnvRedisURL))
	for _, name := range instances {
		fmt.Fprintf(&config, "  - {name: %s, http_port: %d, grpc_port: %d}\n", s.name(name), freePort(t), freePort(t))
	}
	s.config = filepath.Join(t.TempDir(), "custodian.yaml")
	if err := os.WriteFile(s.config, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// twins are two supervisors with the same instances in PostgreSQL that stand by
// for one another.
func twins(t *testing.T, instances []string) [2]*supervised {
	t.Helper()
	storage := fmt.Sprintf("data_dir: %q\nstorage: {driver: postgres, postgres: {url: %q, max_connections: 16, standby: true}}",
		t.TempDir(), environment(t, servers.EnvPostgresURL))
	id := "twin-" + uuid.NewString()[:8]
	pair := [2]*supervised{configured(t, id, storage, instances), configured(t, id, storage, instances)}
	t.Cleanup(pair[0].dropSchemas)
	return pair
}

// ownership is what the admin API says of an instance, beyond what other tests need.
type ownership struct {
	State     string
	LastError string `json:"last_error"`
	HTTPAddr  string `json:"http_addr"`
}

func (s *supervised) status(name string) (st ownership) {
	s.t.Helper()
	s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+s.name(name), nil, http.StatusOK, &st)
	return st
}

// awaitAll waits until all instances are in a state.
func (s *supervised) awaitAll(names []string, state string) {
	s.t.Helper()
	for _, name := range names {
		s.eventually(name+" to be "+state, func() error {
			if st := s.status(name); st.State != state {
				return fmt.Errorf("it is %s: %s", st.State, st.LastError)
			}
			return nil
		})
	}
}

// wantOwner checks that every instance says which process owns it.
func (s *supervised) wantOwner(names []string, state string, owner *supervised) {
	s.t.Helper()
	host, err := os.Hostname()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		s.eventually(name+" to say who owns it", func() error {
			st := s.status(name)
			for _, part := range []string{"owned by another process", host, strconv.Itoa(owner.cmd.Process.Pid), "since 20"} {
				if st.State != state || !strings.Contains(st.LastError, part) {
					return fmt.Errorf("it is %s and says %q", st.State, st.LastError)
				}
			}
			return nil
		})
	}
}

func TestStandbyTakesOverFromAKilledProcessUnderLoad(t *testing.T) {
	t.Parallel()
	const instances, loaded = 20, 3
	names := make([]string, instances)
	for n := range names {
		names[n] = fmt.Sprintf("i%02d", n)
	}
	pair := twins(t, names)
	first, second := pair[0], pair[1]
	first.start()
	first.awaitAll(names, "running")
	second.start()
	second.wantOwner(names, "pending", first)

	flows := make([]*flow, loaded)
	for n := range flows {
		flows[n] = first.flow(names[n], "killed")
		first.eventually("deposits", enough(flows[n], 50))
	}
	killed := time.Now()
	first.stop(syscall.SIGKILL)
	for _, f := range flows {
		f.stop()
	}
	second.awaitAll(names, "running")
	took := time.Since(killed)
	acked := 0
	for _, f := range flows {
		f.workers.Wait()
		acked += f.count()
		second.wantDeposits(f.name, f.acked)
		for _, answer := range f.other {
			t.Errorf("answered %s", answer)
		}
	}
	t.Logf("%d instances taken over within %v of the kill, %d deposits had been acknowledged", instances, took.Round(time.Millisecond), acked)
	redis := redisClient(t)
	for _, name := range names {
		second.eventually("the announcement of "+name+" to be the new owner's", func() error {
			return announces(redis, second.name(name), second.status(name).HTTPAddr)
		})
	}
	// Who comes back stands by.
	first.start()
	first.wantOwner(names, "pending", second)
	if code := second.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	first.awaitAll(names, "running")
	for _, f := range flows {
		first.wantDeposits(f.name, f.acked)
	}
	if code := first.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	first.verify()
}

// announces returns nil if discovery finds a service at an address.
func announces(redis *goredis.Client, service, addr string) error {
	record, err := redis.Get(context.Background(), "custodian:service:"+service).Result()
	if err == nil && !strings.Contains(record, `"Port":`+addr[strings.LastIndex(addr, ":")+1:]+",") {
		err = fmt.Errorf("announced is %s, want %s", record, addr)
	}
	return err
}

func TestStoppedProcessThatLostItsInstancesWritesNothing(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	pair := twins(t, names)
	owner, other := pair[0], pair[1]
	owner.start()
	owner.awaitAll(names, "running")
	other.start()
	other.wantOwner(names, "pending", owner)
	var acked []string
	rounds, show := roundsAsked(*ownershipRounds, 2)
	var at atomic.Uint64
	defer show.ShowLive(func() terminal.Progress {
		return terminal.Progress{What: "taking over", Done: at.Load(), Total: uint64(rounds), Unit: "rounds"}
	})()
	for round := range rounds {
		before := owner.flow("a", fmt.Sprintf("%d-before", round))
		owner.eventually("deposits", enough(before, 50))
		<-time.After(time.Duration(rand.IntN(100)) * time.Millisecond) // another moment each time
		if err := owner.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		stopped := time.Now()
		if !*ownershipSilent {
			owner.endOwnership()
		}
		other.awaitAll(names, "running")
		took := time.Since(stopped)
		after := other.flow("a", fmt.Sprintf("%d-after", round))
		other.eventually("deposits", enough(after, 50))
		after.stop()
		after.workers.Wait()
		for _, name := range names[1:] {
			other.call(http.MethodPost, other.instance(name).url("/api/v1/settlements"),
				deposit("fund", "1", fmt.Sprintf("%d-after", round)), http.StatusCreated, nil)
		}
		for _, name := range names {
			other.quiet(name)
		}
		var have [][]string
		for _, name := range names {
			have = append(have, other.contents(name))
		}

		if err := owner.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		continued := time.Now()
		owner.wantOwner(names, "pending", other)
		noticed := time.Since(continued)
		refused := before.refused.Load()
		owner.eventually("more refusals", func() error {
			if before.refused.Load() < refused+10 {
				return errors.New("too few")
			}
			return nil
		})
		before.stop()
		before.workers.Wait()
		at.Store(uint64(round) + 1)
		show.Apart(func() {
			t.Logf("round %d: taken over %v after the stop; the stopped one knew %v after it went on, and refused %d requests",
				round, took.Round(time.Millisecond), noticed.Round(time.Millisecond), before.refused.Load())
		})
		for n, name := range names {
			if now := other.contents(name); strings.Join(now, "\n") != strings.Join(have[n], "\n") {
				t.Errorf("%s has changed from\n%s\nto\n%s", name, strings.Join(have[n], "\n"), strings.Join(now, "\n"))
			}
			if err := announces(redisClient(t), other.name(name), other.status(name).HTTPAddr); err != nil {
				t.Error(err)
			}
		}
		for _, f := range []*flow{before, after} {
			acked = append(acked, f.acked...)
			for _, answer := range f.other {
				t.Errorf("answered %s", answer)
			}
		}
		other.wantDeposits("a", acked)
		owner, other = other, owner
	}
	for _, s := range []*supervised{owner, other} {
		if code := s.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
	}
	owner.verify()
}

func enough(f *flow, deposits int) func() error {
	return func() error {
		if n := f.count(); n < deposits {
			return fmt.Errorf("%d deposits are acknowledged", n)
		}
		return nil
	}
}

// wantDeposits checks that each acknowledged deposit is there once, and none twice.
func (s *supervised) wantDeposits(name string, acked []string) {
	s.t.Helper()
	v := &victim{s: s, name: name}
	times := make(map[string]int)
	for _, r := range list[kept](v, s.instance(name), "settlements", "fund") {
		times[r.ExternalID]++
	}
	for id, n := range times {
		if n > 1 {
			s.t.Errorf("deposit %s is there %d times", id, n)
		}
	}
	for _, id := range acked {
		if times[id] != 1 {
			s.t.Errorf("deposit %s was acknowledged and is there %d times", id, times[id])
		}
	}
}

func TestProcessesThatShareADataDirectoryDoNotShareBooks(t *testing.T) {
	t.Parallel()
	storage := fmt.Sprintf("data_dir: %q\nstorage: {driver: sqlite}\ndefaults: {restart: {max_attempts: 2}}", t.TempDir())
	id := "files-" + uuid.NewString()[:8]
	first, second := configured(t, id, storage, []string{"a"}), configured(t, id, storage, []string{"a"})
	first.start()
	first.call(http.MethodPost, first.instance("a").url("/api/v1/settlements"), deposit("fund", "1", "first"), http.StatusCreated, nil)
	second.start()
	second.eventually("the second to give up", func() error {
		st := second.status("a")
		if st.State != "failed" || !strings.Contains(st.LastError, "owned by another process (process "+strconv.Itoa(first.cmd.Process.Pid)+")") {
			return fmt.Errorf("it is %s: %s", st.State, st.LastError)
		}
		return nil
	})

	// What a process that was killed has announced is gone once its time is over.
	redis := redisClient(t)
	first.eventually("the announcement", func() error { return announces(redis, first.name("a"), first.status("a").HTTPAddr) })
	first.stop(syscall.SIGKILL)
	for _, kind := range []string{"service", "heartbeat"} {
		left, err := redis.PTTL(context.Background(), "custodian:"+kind+":"+first.name("a")).Result()
		if err != nil || left <= 0 || left > 90*time.Second {
			t.Errorf("the %s key of a killed process expires in %v, %v; want at most 90 s", kind, left, err)
		}
	}
	second.call(http.MethodPost, second.admin+"/admin/v1/instances/"+second.name("a")+"/start?wait=true", nil, http.StatusOK, nil)
	second.wantDeposits("a", []string{"first"})
	second.eventually("the announcement of the second", func() error { return announces(redis, second.name("a"), second.status("a").HTTPAddr) })
	if code := second.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if n, err := redis.Exists(context.Background(), "custodian:service:"+first.name("a"), "custodian:heartbeat:"+first.name("a")).Result(); err != nil || n != 0 {
		t.Errorf("%d keys are left after the end, %v", n, err)
	}
}
