package redis

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

func testService(name string) Service {
	return Service{
		ServiceName: name, ServiceID: name + "-1", Address: "127.0.0.1", Port: 50051, Version: "1.2.3",
		Metadata: map[string]string{"http_port": "8080", "grpc_port": "50051"},
	}
}

func TestServicesAreRegisteredFoundAndWithdrawn(t *testing.T) {
	t.Parallel()
	testDiscovery(t, openEmbedded(t), "sim-001")
}

func testDiscovery(t *testing.T, s *Server, name string) {
	d, ctx, svc := NewDiscovery(s), t.Context(), testService(name)

	if _, err := d.Discover(ctx, name); !errors.Is(err, ErrNotFound) {
		t.Errorf("Discover returned %v, want ErrNotFound", err)
	}
	if err := d.Heartbeat(ctx, svc); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Heartbeat returned %v, want ErrNotRegistered", err)
	}
	before := time.Now().Truncate(time.Millisecond)
	if err := d.Register(ctx, svc); err != nil {
		t.Fatal(err)
	}
	got, err := d.Discover(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if got.ServiceID != svc.ServiceID || got.Port != svc.Port || got.Address != svc.Address || got.Version != svc.Version ||
		got.Metadata["grpc_port"] != "50051" || got.RegisteredAt.Before(before) || got.LastHeartbeat.Before(before) {
		t.Errorf("found %+v", got)
	}
	wantRecord(t, s, name)

	if err := d.Heartbeat(ctx, svc); err != nil {
		t.Errorf("Heartbeat: %v", err)
	}
	again, err := d.Discover(ctx, name)
	if err != nil || !again.RegisteredAt.Equal(got.RegisteredAt) || again.LastHeartbeat.Before(got.LastHeartbeat) {
		t.Errorf("after a heartbeat %+v, %v", again, err)
	}
	list, err := d.List(ctx)
	if err != nil || !slices.ContainsFunc(list, func(s Service) bool { return s.ServiceName == name }) {
		t.Errorf("List returned %v, %v", list, err)
	}

	// A successor under the same name is neither renewed nor withdrawn by us.
	next := svc
	next.ServiceID = name + "-2"
	if err := d.Register(ctx, next); err != nil {
		t.Fatal(err)
	}
	if err := d.Heartbeat(ctx, svc); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Heartbeat beside a successor returned %v, want ErrNotRegistered", err)
	}
	if err := d.Deregister(ctx, svc); err != nil {
		t.Error(err)
	}
	if got, err := d.Discover(ctx, name); err != nil || got.ServiceID != next.ServiceID {
		t.Errorf("successor is %+v, %v", got, err)
	}
	for range 2 {
		if err := d.Deregister(ctx, next); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Discover(ctx, name); !errors.Is(err, ErrNotFound) {
		t.Errorf("Discover after Deregister returned %v, want ErrNotFound", err)
	}
}

// wantRecord checks the keys as other programs read them.
func wantRecord(t *testing.T, s *Server, name string) {
	t.Helper()
	ctx := t.Context()
	record, err := s.client.Get(ctx, "custodian:service:"+name).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(record, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	for f := range fields {
		names = append(names, f)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "Address LastHeartbeat Metadata Port RegisteredAt ServiceID ServiceName Version" {
		t.Errorf("record has fields %s", got)
	}
	for _, f := range []string{"RegisteredAt", "LastHeartbeat"} {
		if _, err := time.Parse(time.RFC3339, fields[f].(string)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	beat, err := s.client.Get(ctx, "custodian:heartbeat:"+name).Int64()
	if err != nil || time.Since(time.Unix(beat, 0)) > time.Minute {
		t.Errorf("heartbeat is %d, %v", beat, err)
	}
	for _, key := range []string{"custodian:service:", "custodian:heartbeat:"} {
		if ttl, err := s.client.TTL(ctx, key+name).Result(); err != nil || ttl > 90*time.Second || ttl < 80*time.Second {
			t.Errorf("%s lives for %s, %v; want 90s", key, ttl, err)
		}
	}
}

func TestMalformedServicesAreRefused(t *testing.T) {
	t.Parallel()
	d, ctx := NewDiscovery(openEmbedded(t)), t.Context()
	for what, change := range map[string]func(*Service){
		"no name":      func(s *Service) { s.ServiceName = "" },
		"colon":        func(s *Service) { s.ServiceName = "a:b" },
		"glob":         func(s *Service) { s.ServiceName = "a*" },
		"long name":    func(s *Service) { s.ServiceName = strings.Repeat("a", maxServiceName+1) },
		"no id":        func(s *Service) { s.ServiceID = "" },
		"no address":   func(s *Service) { s.Address = "" },
		"port 0":       func(s *Service) { s.Port = 0 },
		"port 65536":   func(s *Service) { s.Port = 65536 },
		"long record":  func(s *Service) { s.Version = strings.Repeat("a", maxRecordLen) },
		"negative one": func(s *Service) { s.Port = -1 },
	} {
		svc := testService("sim")
		change(&svc)
		if err := d.Register(ctx, svc); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if _, err := d.Discover(ctx, "a:b"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("Discover of a malformed name returned %v", err)
	}
	bad := testService("")
	if _, err := d.Keep(ctx, bad, 0, nil, nil); err == nil {
		t.Error("Keep accepted a service without a name")
	}
}

func TestAMalformedRecordHidesNoOther(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	d, ctx := NewDiscovery(s), t.Context()
	for _, name := range []string{"b", "a"} {
		if err := d.Register(ctx, testService(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.client.Set(ctx, serviceKey("broken"), "{", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.client.HSet(ctx, serviceKey("hash"), "a", "b").Err(); err != nil {
		t.Fatal(err)
	}
	list, err := d.List(ctx)
	if err != nil || len(list) != 2 || list[0].ServiceName != "a" || list[1].ServiceName != "b" {
		t.Errorf("List returned %v, %v", list, err)
	}
	if _, err := d.Discover(ctx, "broken"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("Discover of a malformed record returned %v", err)
	}
}

// inBubble runs test in a bubble with a server whose wire can be cut. Key
// expiry follows the bubble's clock.
func inBubble(t *testing.T, test func(t *testing.T, s *Server, w *wire)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, w, mini := openOnWire(t)
		mini.ClockTTL(true)
		// The client library's dial loop sleeps for a second at most after
		// Close; cleanups run in reverse order.
		t.Cleanup(func() { _ = s.Close(); time.Sleep(2 * time.Second) })
		test(t, s, w)
	})
}

func TestAServiceThatNoLongerBeatsIsGoneAfterNinetySeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		d, svc := NewDiscovery(s), testService("sim")
		if err := d.Register(t.Context(), svc); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Second)
		if err := d.Heartbeat(t.Context(), svc); err != nil {
			t.Fatal(err)
		}
		time.Sleep(89 * time.Second)
		got, err := d.Discover(t.Context(), "sim")
		if err != nil {
			t.Fatal(err)
		}
		if since := got.LastHeartbeat.Sub(got.RegisteredAt); since != time.Minute {
			t.Errorf("last heartbeat is %s after the registration, want 1m", since)
		}
		time.Sleep(2 * time.Second)
		if _, err := d.Discover(t.Context(), "sim"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Discover returned %v, want ErrNotFound", err)
		}
		if err := d.Heartbeat(t.Context(), svc); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("Heartbeat returned %v, want ErrNotRegistered", err)
		}
	})
}

func TestTheLoopKeepsAServiceAnnouncedAndWithdrawsIt(t *testing.T) {
	for _, interval := range []time.Duration{0, 2 * time.Minute} {
		t.Run(interval.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *Server, _ *wire) {
				d := NewDiscovery(s)
				loop := start(t, keep(d, testService("sim"), interval, nil))
				synctest.Wait()
				var last time.Time
				for range 20 {
					got, err := d.Discover(t.Context(), "sim")
					if err != nil {
						t.Fatal(err)
					}
					if !got.LastHeartbeat.After(last) {
						t.Errorf("no heartbeat since %s", last)
					}
					last = got.LastHeartbeat
					time.Sleep(max(interval, HeartbeatInterval))
				}
				loop.stop(t)
				if _, err := d.Discover(t.Context(), "sim"); !errors.Is(err, ErrNotFound) {
					t.Errorf("Discover after the end returned %v, want ErrNotFound", err)
				}
			})
		})
	}
}

func TestTheLoopAnnouncesAnewAfterAnOutageAndAfterAFlush(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, w *wire) {
		d := NewDiscovery(s)
		loop := start(t, keep(d, testService("sim"), 0, nil))
		synctest.Wait()
		first, err := d.Discover(t.Context(), "sim")
		if err != nil {
			t.Fatal(err)
		}

		w.setCut(true)
		time.Sleep(10 * time.Minute)
		w.setCut(false)
		if _, err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(afterOutage)
		got, err := d.Discover(t.Context(), "sim")
		if err != nil {
			t.Fatalf("not announced after an outage: %v", err)
		}
		if !got.RegisteredAt.Equal(first.RegisteredAt) {
			t.Errorf("registered at %s, want still %s", got.RegisteredAt, first.RegisteredAt)
		}

		if err := s.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(HeartbeatInterval)
		if _, err := d.Discover(t.Context(), "sim"); err != nil {
			t.Errorf("not announced after a flush: %v", err)
		}

		// An end during an outage is not held up.
		w.setCut(true)
		time.Sleep(10 * time.Second)
		begin := time.Now()
		loop.stop(t)
		if took := time.Since(begin); took > deregisterTimeout {
			t.Errorf("the end took %s", took)
		}
	})
}

func TestAPanicOfAHeartbeatIsToldAndEndsTheAnnouncement(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	d := NewDiscovery(s)
	if err := d.Register(t.Context(), testService("sim")); err != nil {
		t.Fatal(err)
	}
	other := testService("sim")
	other.ServiceID = "another"
	told := make(chan *guard.Panic, 1)
	withdrawn, err := d.Keep(t.Context(), other, 0, func(context.Context) error { panic("deliberate") }, func(p *guard.Panic) { told <- p })
	if err != nil {
		t.Fatal(err)
	}
	if p := <-told; p.Part != "discovery" || p.Value != "deliberate" {
		t.Errorf("told of %v", p)
	}
	<-withdrawn
	if got, err := d.Discover(t.Context(), "sim"); err != nil || got.ServiceID == other.ServiceID {
		t.Errorf("announced is %+v, %v", got, err)
	}
}

func TestTheLoopReportsAMissingRightAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, mini := openOnWire(t)
		d := NewDiscovery(s)
		deny(mini, "SET")
		loop := start(t, keep(d, testService("sim"), 0, nil))
		time.Sleep(time.Minute)
		deny(mini)
		time.Sleep(maxBeatBackoff)
		if _, err := d.Discover(t.Context(), "sim"); err != nil {
			t.Error(err)
		}
		loop.stop(t)
	})
}

func TestHeartbeatsOfManyServicesDoNotFallTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		d := NewDiscovery(s)
		const many = 50
		for i := range many {
			start(t, keep(d, testService("sim-"+strconv.Itoa(i)), 0, nil))
		}
		time.Sleep(5 * time.Minute)
		list, err := d.List(t.Context())
		if err != nil || len(list) != many {
			t.Fatalf("%d services, %v; want %d", len(list), err, many)
		}
		beats := map[int64]int{}
		for _, svc := range list {
			beats[svc.LastHeartbeat.Unix()]++
		}
		for second, n := range beats {
			if n > many/3 {
				t.Errorf("%d of %d heartbeats fell into second %d", n, many, second)
			}
		}
	})
}
