//go:build integration

package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// sink is where victims post their events to. Each has a path of its own. It
// refuses some, which are to come again.
type sink struct {
	server *httptest.Server

	mu       sync.Mutex
	life     int // of the process: which start it is
	requests int
	got      map[string]*received
}

// received is what one victim has posted, and what it should have.
type received struct {
	lives    map[int][]delivery // by the life in which the connection was made
	first    int                // the first life that is not checked to its end
	checked  int                // how much of that life is checked
	previous int                // index of the delivery before, or -1
	index    map[string]int     // of a message in the order in which messages first came
	contents [][sha256.Size]byte
	want     [][sha256.Size]byte
}

type delivery struct {
	id      string
	content [sha256.Size]byte
}

type lifeKey struct{}

// refuseEvery is how many requests the sink takes until it refuses one.
const refuseEvery = 50

func newSink(t *testing.T) *sink {
	s := &sink{got: make(map[string]*received)}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.take))
	s.server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		return context.WithValue(ctx, lifeKey{}, s.life)
	}
	s.server.Start()
	t.Cleanup(s.server.Close)
	return s
}

// settings are the webhooks of an instance that posts to the sink.
func (s *sink) settings(name string) string {
	return fmt.Sprintf("webhooks: {allow_targets: [127.0.0.1], retry: {base: 5ms, max: 20ms}, endpoints: [{id: sink, url: %q, "+
		"secret: whsec_ZXhhbXBsZS1zZWNyZXQtY2hhbmdlLW1lLW5vdw==, events: ['transfer.*']}]}", s.server.URL+"/"+name)
}

// reborn says that a new process begins.
func (s *sink) reborn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life++
}

func (s *sink) of(name string) *received {
	r := s.got[name]
	if r == nil {
		r = &received{lives: make(map[int][]delivery), previous: -1, index: make(map[string]int)}
		s.got[name] = r
	}
	return r
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	var payload struct {
		Type string
		Data json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&payload); err != nil {
		w.WriteHeader(http.StatusBadRequest) // cut off by a kill
		return
	}
	life, _ := r.Context().Value(lifeKey{}).(int)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests++; s.requests%refuseEvery == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	got := s.of(strings.TrimPrefix(r.URL.Path, "/"))
	got.lives[life] = append(got.lives[life], delivery{r.Header.Get("webhook-id"), event{Type: payload.Type, Data: payload.Data}.content()})
}

// expect notes that an event has to be posted.
func (s *sink) expect(v *victim, e event) {
	if s == nil || !e.posted() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.of(v.name)
	got.want = append(got.want, e.content())
}

// check compares what was posted so far: in the order of events, without a gap,
// each process going on at or before the place where the one before had come to.
func (s *sink) check(v *victim) {
	if s == nil {
		return
	}
	v.s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.of(v.name)
	for life := got.first; life <= s.life; life++ {
		if life > got.first {
			got.first, got.checked, got.previous = life, 0, -1
		}
		for _, d := range got.lives[life][got.checked:] {
			got.checked++
			at, known := got.index[d.id]
			if !known {
				at = len(got.contents)
				got.index[d.id] = at
				got.contents = append(got.contents, d.content)
			}
			// The process has got an answer to all that it posted before, so within
			// its life nothing comes twice.
			if got.previous >= 0 && at != got.previous+1 {
				v.s.t.Errorf("%s: the sink got event %d of its kind after event %d", v.name, at, got.previous)
			}
			got.previous = at
			if got.contents[at] != d.content {
				v.s.t.Errorf("%s: the sink got another event under the id %s", v.name, d.id)
			}
			if at < len(got.want) && got.want[at] != d.content {
				v.s.t.Fatalf("%s: what the sink got as event %d of its kind is not that event", v.name, at)
			}
		}
	}
}

// await waits until everything was posted.
func (s *sink) await(v *victim) {
	if s == nil {
		return
	}
	v.s.t.Helper()
	v.s.eventually("all events to be posted", func() error {
		s.mu.Lock()
		want, contents := len(s.of(v.name).want), make(map[string]bool)
		for _, life := range s.of(v.name).lives {
			for _, d := range life {
				contents[d.id] = true
			}
		}
		s.mu.Unlock()
		if len(contents) < want {
			return fmt.Errorf("%d of %d came", len(contents), want)
		}
		return nil
	})
	s.check(v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.of(v.name); len(got.contents) != len(got.want) {
		v.s.t.Errorf("%s: the sink got %d events, want %d", v.name, len(got.contents), len(got.want))
	}
}

// streamReader reads a victim's event stream in Redis.
type streamReader struct {
	client *goredis.Client
	key    string
	last   uint64
	hashes map[uint64]string // of the events behind the last, by sequence
	end    uint64
}

func newStreamReader(t *testing.T, i instance) *streamReader {
	return &streamReader{client: redisClient(t), key: i.RedisPrefix + "events", hashes: make(map[uint64]string)}
}

// expect notes an event that has to be in the stream.
func (r *streamReader) expect(e event) { r.hashes[e.Sequence], r.end = e.Hash, e.Sequence }

// check reads the stream on: every event comes once, in order, with its hash.
func (r *streamReader) check(v *victim) {
	v.s.t.Helper()
	for r.last < r.end {
		entries, err := r.client.XRangeN(context.Background(), r.key, fmt.Sprintf("(%d-0", r.last), "+", 1000).Result()
		if err != nil {
			v.s.t.Fatal(err)
		}
		if len(entries) == 0 {
			return // it lags
		}
		for _, entry := range entries {
			if entry.ID != fmt.Sprintf("%d-0", r.last+1) {
				v.s.t.Fatalf("%s: in the stream %s follows event %d", v.name, entry.ID, r.last)
			}
			r.last++
			if hash, ok := r.hashes[r.last]; ok && entry.Values["hash"] != hash {
				v.s.t.Errorf("%s: event %d has another hash in the stream", v.name, r.last)
			}
			delete(r.hashes, r.last)
		}
	}
}

// await waits until the stream has every event.
func (r *streamReader) await(v *victim) {
	v.s.t.Helper()
	v.s.eventually("the stream to be complete", func() error {
		if r.check(v); r.last < r.end {
			return fmt.Errorf("it ends at %d of %d", r.last, r.end)
		}
		return nil
	})
}
