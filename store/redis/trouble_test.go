package redis

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"
)

// refuseWrites makes a server answer commands that write with an error reply, or
// do its work again for "".
func refuseWrites(mini *miniredis.Miniredis, reply string) {
	mini.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		if reply == "" || cmd != "SET" && cmd != "XADD" {
			return false
		}
		c.WriteError(reply)
		return true
	})
}

func TestServerThatAnswersButTakesNoWritesIsAwayAndSaysWhy(t *testing.T) {
	t.Parallel()
	for reply, reason := range map[string]string{
		"OOM command not allowed when used memory > 'maxmemory'.":                         "it is out of memory",
		"READONLY You can't write against a read only replica.":                           "it is a replica that takes no writes",
		"LOADING Redis is loading the dataset in memory":                                  "it is loading its data",
		"MISCONF Redis is configured to save RDB snapshots, but it is currently not able": "it cannot save its data and takes no writes",
		"MOVED 866 10.0.0.7:6379":                                                         "it is a member of a cluster that keeps the keys elsewhere",
		"WRONGPASS invalid username-password pair or user is disabled.":                   "it refuses the user name or password",
		"ERR something new": "it answers with an error",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _, mini := openOnWire(t)
			if !s.Up() {
				t.Fatal("not up at first")
			}
			refuseWrites(mini, reply)
			time.Sleep(probeWhenUp + time.Second)
			if state := s.State(); state.Up || Reason(state.Err) != reason {
				t.Errorf("%s: up %t, reason %q", reply, state.Up, Reason(state.Err))
			}
			refuseWrites(mini, "")
			time.Sleep(3 * probeWhenDown)
			if state := s.State(); !state.Up || Reason(state.Err) != "" {
				t.Errorf("%s: not up again: %v", reply, state.Err)
			}
		})
	}
}

func TestReasonNamesNoHostAndNoUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := openOnWire(t)
		defer time.Sleep(2 * time.Second) // see inBubble
		w.setCut(true)
		time.Sleep(probeWhenUp + time.Second)
		if got := Reason(s.State().Err); got != "no connection can be made" {
			t.Errorf("reason %q", got)
		}
	})
	for err, want := range map[error]string{
		errNotProbed: "it has not answered yet", ErrClosed: "the connection was closed",
		context.DeadlineExceeded:         "it does not answer in time",
		&PermissionError{User: "hidden"}: "its user lacks a right",
	} {
		if got := Reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestServerWithoutTheRightToWriteItsMarkIsProbedByPing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, mini := openOnWire(t)
		deny(mini, "SET")
		time.Sleep(time.Minute)
		if !s.Up() {
			t.Errorf("away: %v", s.State().Err)
		}
		deny(mini)
		time.Sleep(2 * markTTL)
		if !mini.Exists(s.watch.mark.key) {
			t.Error("the right is not used once it is there")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if mini.Exists(s.watch.mark.key) {
			t.Error("the mark is left behind")
		}
	})
}

func TestFlushIsNoticedWithinSecondsAlthoughNothingElseHappens(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		prefix, j := testPrefix(), newJournal(50)
		d := NewDiscovery(s)
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		publishing := start(t, p.Run)
		announcing := start(t, keep(d, testService("sim"), 0, nil))
		time.Sleep(7 * time.Second) // between two probes, idle checks and beats
		if err := s.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(probeWhenUp + afterOutage + time.Second)
		wantStream(t, entries(t, s.client, prefix), j, 1)
		if _, err := d.Discover(t.Context(), "sim"); err != nil {
			t.Error(err)
		}
		publishing.stop(t)
		announcing.stop(t)
	})
}

func TestStreamThatLostItsLastEventsWithoutAWordIsWrittenAnew(t *testing.T) {
	t.Parallel()
	s, prefix, j := openEmbedded(t), testPrefix(), newJournal(50)
	p := NewPublisher(s, prefix, j, PublisherOptions{})
	loop := start(t, p.Run)
	caughtUp(t, p)
	// As after a failover to a replica that lagged: the connection goes on working.
	ctx, key := t.Context(), prefix.Events()
	if err := s.client.Del(ctx, key).Err(); err != nil {
		t.Fatal(err)
	}
	for _, e := range j.events[:40] {
		if err := s.client.XAdd(ctx, &goredis.XAddArgs{Stream: key, ID: formatID(e.Sequence), Values: entryValues(e)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	j.append(1)
	await(t, "the stream to be whole", func() bool { return s.client.XLen(ctx, key).Val() == 51 && p.Lag() == 0 })
	loop.stop(t)
	wantStream(t, entries(t, s.client, prefix), j, 1)
}

var errNotMine = errors.New("another process owns it")

// A process that has lost the instance knows less than the one that has it now:
// the stream is ahead of it.
func TestPublisherOfALostInstanceLeavesTheStreamAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		prefix, owners, stale := testPrefix(), newJournal(80), newJournal(50)
		owner := NewPublisher(s, prefix, owners, PublisherOptions{})
		owning := start(t, owner.Run)
		synctest.Wait()
		var refusals atomic.Int64
		p := NewPublisher(s, prefix, stale, PublisherOptions{Confirm: func(context.Context) error { refusals.Add(1); return errNotMine }})
		loop := start(t, p.Run)
		time.Sleep(time.Minute)
		if refusals.Load() == 0 {
			t.Error("it never asked whether it may delete the stream")
		}
		wantStream(t, entries(t, s.client, prefix), owners, 1)
		// Nor does it make one that is gone.
		owning.stop(t)
		if err := s.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := entries(t, s.client, prefix); len(got) > 0 {
			t.Errorf("it wrote %d events", len(got))
		}
		loop.stop(t)
	})
}

func TestAnnouncementIsTakenOverOnlyByWhoMay(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		d := NewDiscovery(s)
		announced := func() string {
			got, err := d.Discover(t.Context(), "sim")
			if err != nil {
				t.Fatal(err)
			}
			return got.ServiceID
		}
		run := func(id string, may *atomic.Bool) *running {
			svc := testService("sim")
			svc.ServiceID = id
			return start(t, keep(d, svc, 0, func(context.Context) error {
				if !may.Load() {
					return errNotMine
				}
				return nil
			}))
		}
		var first, second atomic.Bool
		first.Store(true)
		old := run("first", &first)
		synctest.Wait()
		waiting := run("second", &second)
		time.Sleep(time.Minute)
		if id := announced(); id != "first" {
			t.Errorf("announced is %s, want first", id)
		}
		first.Store(false)
		second.Store(true)
		time.Sleep(HeartbeatInterval)
		for range 10 {
			if id := announced(); id != "second" {
				t.Errorf("announced is %s, want second", id)
			}
			time.Sleep(HeartbeatInterval)
		}
		old.stop(t) // withdraws nothing that is not its own
		if id := announced(); id != "second" {
			t.Errorf("announced is %s, want second", id)
		}
		waiting.stop(t)
	})
}

func TestServiceIsWithdrawnAlthoughRedisTakesNoWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, mini := openOnWire(t)
		d := NewDiscovery(s)
		loop := start(t, keep(d, testService("sim"), 0, nil))
		synctest.Wait()
		refuseWrites(mini, "OOM command not allowed when used memory > 'maxmemory'.")
		time.Sleep(time.Minute)
		if s.Up() {
			t.Fatal("the server is not known to be full")
		}
		loop.stop(t)
		if keys := strings.Join(mini.Keys(), " "); strings.Contains(keys, "service") || strings.Contains(keys, "heartbeat") {
			t.Errorf("left are %s", keys)
		}
	})
}
