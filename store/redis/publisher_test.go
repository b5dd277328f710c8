package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"
)

// caughtUp waits until p has nothing left to publish.
func caughtUp(t *testing.T, p *Publisher) {
	t.Helper()
	await(t, "the publisher to catch up", func() bool { return p.Lag() == 0 })
}

func TestPublisherCopiesTheJournalAsItGrows(t *testing.T) {
	t.Parallel()
	testPublisherCopies(t, openEmbedded(t), testPrefix())
}

func testPublisherCopies(t *testing.T, s *Server, prefix Prefix) {
	j := newJournal(300)
	j.batch = 70
	var published, lag atomic.Int64
	p := NewPublisher(s, prefix, j, PublisherOptions{
		OnPublished: func(n int) { published.Add(int64(n)) },
		OnLag:       func(n int) { lag.Store(int64(n)) },
	})
	loop := start(t, p.Run)
	for range 50 {
		j.append(7)
	}
	caughtUp(t, p)
	loop.stop(t)
	wantStream(t, entries(t, s.client, prefix), j, 1)
	if got := published.Load(); got != 650 {
		t.Errorf("OnPublished was told of %d events, want 650", got)
	}
	if got := lag.Load(); got != 0 {
		t.Errorf("OnLag was last told %d, want 0", got)
	}
}

func TestPublisherResumesAfterARestart(t *testing.T) {
	t.Parallel()
	testPublisherRestarts(t, openEmbedded(t), testPrefix())
}

func testPublisherRestarts(t *testing.T, s *Server, prefix Prefix) {
	j := newJournal(0)
	for range 5 {
		j.append(100)
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		loop := start(t, p.Run)
		j.append(33)
		caughtUp(t, p)
		loop.stop(t)
	}
	wantStream(t, entries(t, s.client, prefix), j, 1)
}

func TestPublisherLeavesNoGapAndNoDuplicateOnAFailingWire(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, w *wire) {
		testPublisherOnFailingWire(t, s, w, testPrefix(), 12_000, 150_000)
	})
}

// testPublisherOnFailingWire publishes while connections break at random
// places, in the midst of requests and of replies, and while the publisher is
// stopped and started. Connections carry up to so many bytes.
func testPublisherOnFailingWire(t *testing.T, healthy *Server, w *wire, prefix Prefix, events uint64, bytes int) {
	random := rand.New(rand.NewPCG(1, 2))
	frail := &wire{url: w.url, dial: w.dial, budget: func() int { return 200 + random.IntN(bytes) }}
	j := newJournal(0)
	j.batch = 50
	s := openVia(t, frail)
	defer func() { _ = s.Close(); time.Sleep(2 * time.Second) }() // see inBubble
	var grow sync.WaitGroup
	grow.Go(func() {
		for j.Durable() < events {
			j.append(40)
			time.Sleep(time.Millisecond) // the pace of events, not a wait
		}
	})
	for round := range 8 {
		p := NewPublisher(s, prefix, j, PublisherOptions{MaxLen: 2 * int(events)})
		loop := start(t, p.Run)
		target := events / 8 * uint64(round+1)
		await(t, fmt.Sprintf("event %d", target), func() bool { return p.published.Load() >= target })
		loop.stop(t)
	}
	grow.Wait()
	p := NewPublisher(healthy, prefix, j, PublisherOptions{MaxLen: 2 * int(events)})
	loop := start(t, p.Run)
	caughtUp(t, p)
	loop.stop(t)
	wantStream(t, entries(t, healthy.client, prefix), j, 1)
	if frail.broken() < 20 {
		t.Errorf("only %d connections broke, so little was tested", frail.broken())
	}
}

func TestPublisherFillsALostStreamAgain(t *testing.T) {
	t.Parallel()
	testPublisherRefills(t, openEmbedded(t), testPrefix())
}

func testPublisherRefills(t *testing.T, s *Server, prefix Prefix) {
	ctx := t.Context()
	j := newJournal(500)
	p := NewPublisher(s, prefix, j, PublisherOptions{MaxLen: 200})
	loop := start(t, p.Run)
	caughtUp(t, p)

	// Lost while events come: noticed with the next one.
	if err := s.client.Del(ctx, prefix.Events()).Err(); err != nil {
		t.Fatal(err)
	}
	j.append(1)
	await(t, "the stream to be filled again", func() bool {
		return s.client.XLen(ctx, prefix.Events()).Val() >= 200 && p.Lag() == 0
	})
	wantStream(t, entries(t, s.client, prefix), j, 302)

	// Emptied, but still there: its last id is remembered by Redis.
	if err := s.client.XTrimMaxLen(ctx, prefix.Events(), 0).Err(); err != nil {
		t.Fatal(err)
	}
	loop.stop(t)
	p = NewPublisher(s, prefix, j, PublisherOptions{MaxLen: 200})
	loop = start(t, p.Run)
	caughtUp(t, p)
	loop.stop(t)
	wantStream(t, entries(t, s.client, prefix), j, 302)
}

func TestPublisherBoundsTheStream(t *testing.T) {
	t.Parallel()
	testPublisherBounds(t, openEmbedded(t), testPrefix())
}

func testPublisherBounds(t *testing.T, s *Server, prefix Prefix) {
	j := newJournal(0)
	p := NewPublisher(s, prefix, j, PublisherOptions{MaxLen: 500})
	loop := start(t, p.Run)
	j.append(3000)
	caughtUp(t, p)
	loop.stop(t)
	got := entries(t, s.client, prefix)
	if len(got) < 500 || len(got) > 700 { // Redis trims by nodes of 100 entries
		t.Errorf("stream holds %d entries, want about 500", len(got))
	}
	wantStream(t, got, j, 3000-uint64(len(got))+1)
}

func TestPublisherReplacesAStreamOfAnotherHistory(t *testing.T) {
	t.Parallel()
	testPublisherReplaces(t, openEmbedded(t), testPrefix())
}

func testPublisherReplaces(t *testing.T, s *Server, prefix Prefix) {
	ctx, key := t.Context(), prefix.Events()
	add := func(id string, values ...any) {
		if err := s.client.XAdd(ctx, &goredis.XAddArgs{Stream: key, ID: id, Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(ids ...string) {
		if err := s.client.XDel(ctx, key, ids...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for what, prepare := range map[string]func(j *journal){
		"ahead":              func(j *journal) { j.reset(40, "second") },
		"of other hashes":    func(j *journal) { j.reset(400, "third") },
		"with foreign ids":   func(*journal) { add("*", "who", "knows") },
		"with a hole":        func(*journal) { remove("60-0") },
		"that lost its end":  func(j *journal) { remove("99-0", "100-0"); j.append(10) },
		"that lost its last": func(*journal) { remove("100-0") }, // Redis remembers the id and refuses it
		"that was emptied": func(*journal) { // it still exists and remembers as well
			if err := s.client.XTrimMaxLen(ctx, key, 0).Err(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		j := newJournal(100)
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		loop := start(t, p.Run)
		caughtUp(t, p)
		loop.stop(t)
		prepare(j)
		p = NewPublisher(s, prefix, j, PublisherOptions{})
		loop = start(t, p.Run)
		caughtUp(t, p)
		j.append(10)
		caughtUp(t, p)
		loop.stop(t)
		t.Logf("stream %s", what)
		wantStream(t, entries(t, s.client, prefix), j, 1)
		if err := s.client.Del(ctx, key).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPublisherSendsLargeEventsInBoundedPipelines(t *testing.T) {
	t.Parallel()
	s, prefix := openEmbedded(t), testPrefix()
	j := newJournal(40)
	for i := range j.events {
		j.events[i].Data = fmt.Appendf(nil, `"%0*d"`, 300_000, i)
	}
	if got := pipelineSize(j.events); got != 3 {
		t.Errorf("a pipeline takes %d events of 300 kB, want 3", got)
	}
	if got := pipelineSize([]Event{{Data: make([]byte, 5<<20)}}); got != 1 {
		t.Errorf("a pipeline takes %d events of 5 MB, want 1", got)
	}
	p := NewPublisher(s, prefix, j, PublisherOptions{})
	loop := start(t, p.Run)
	caughtUp(t, p)
	loop.stop(t)
	wantStream(t, entries(t, s.client, prefix), j, 1)
}

func TestPublisherWaitsForRedisAndResumes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, w *wire) {
		prefix, j := testPrefix(), newJournal(10)
		w.setCut(true)
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		loop := start(t, p.Run)
		for range 3 {
			w.setCut(true)
			j.append(100)
			time.Sleep(5 * time.Minute)
			if p.Lag() == 0 {
				t.Error("no lag while Redis is away")
			}
			w.setCut(false)
			time.Sleep(5 * time.Second)
			if lag := p.Lag(); lag != 0 {
				t.Errorf("lag is %d soon after Redis came back, want 0", lag)
			}
		}
		loop.stop(t)
		wantStream(t, entries(t, s.client, prefix), j, 1)
	})
}

func TestAnIdlePublisherNoticesThatItsStreamIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Server, _ *wire) {
		prefix, j := testPrefix(), newJournal(50)
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		loop := start(t, p.Run)
		time.Sleep(10 * time.Minute)
		// Idle checks neither read the journal nor run often.
		j.mu.Lock()
		follows := j.follows
		j.mu.Unlock()
		if follows < 15 || follows > 25 {
			t.Errorf("%d sessions in 10 idle minutes, want about 20", follows)
		}
		if err := s.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(idleCheck + time.Second)
		wantStream(t, entries(t, s.client, prefix), j, 1)
		loop.stop(t)
	})
}

func TestPublisherBacksOffWhileItIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, mini := openOnWire(t)
		prefix, j := testPrefix(), newJournal(50)
		deny(mini, "XADD")
		p := NewPublisher(s, prefix, j, PublisherOptions{})
		loop := start(t, p.Run)
		time.Sleep(10 * time.Minute)
		j.mu.Lock()
		follows := j.follows
		j.mu.Unlock()
		if follows > 60 {
			t.Errorf("%d attempts in 10 minutes, want few", follows)
		}
		deny(mini)
		time.Sleep(maxPublishBackoff)
		wantStream(t, entries(t, s.client, prefix), j, 1)
		loop.stop(t)
	})
}

func TestAPipelineThatFailsInItsMiddleLeavesNoHole(t *testing.T) {
	t.Parallel()
	s, _, mini := openOnWire(t)
	prefix, j := testPrefix(), newJournal(10)
	var refused atomic.Int64
	mini.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd == "XADD" && slices.Contains(args, "70-0") && refused.Add(1) == 1 {
			c.WriteError("OOM command not allowed when used memory > 'maxmemory'.")
			return true
		}
		return false
	})
	p := NewPublisher(s, prefix, j, PublisherOptions{})
	loop := start(t, p.Run)
	caughtUp(t, p)
	j.append(90)
	caughtUp(t, p)
	loop.stop(t)
	if refused.Load() < 2 {
		t.Error("event 70 was not sent again")
	}
	wantStream(t, entries(t, s.client, prefix), j, 1)
}

// brokenSource fails in a way of its own.
type brokenSource struct {
	*journal
	follow func(ctx context.Context, after uint64, fn func([]Event) error) error
}

func (b brokenSource) Follow(ctx context.Context, after uint64, fn func([]Event) error) error {
	return b.follow(ctx, after, fn)
}

func TestPublisherSurvivesASourceThatFailsAndRefusesOneThatSkips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := openOnWire(t)
		prefix, j := testPrefix(), newJournal(50)
		calls := 0
		p := NewPublisher(s, prefix, brokenSource{j, func(ctx context.Context, after uint64, fn func([]Event) error) error {
			switch calls++; calls {
			case 1:
				return errors.New("disk on fire")
			case 2:
				return nil
			case 3:
				return fn(j.events[after+1:])
			}
			return j.Follow(ctx, after, fn)
		}}, PublisherOptions{})
		loop := start(t, p.Run)
		time.Sleep(time.Minute)
		wantStream(t, entries(t, s.client, prefix), j, 1)
		loop.stop(t)
	})
}

func TestPublisherEndsWhenTheServerIsClosed(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	p := NewPublisher(s, testPrefix(), newJournal(3), PublisherOptions{})
	loop := start(t, p.Run)
	caughtUp(t, p)
	_ = s.Close()
	if err := <-loop.done; !errors.Is(err, ErrClosed) {
		t.Errorf("Run returned %v, want ErrClosed", err)
	}
}
