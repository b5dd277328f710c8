package redis

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"
)

func TestOpenRefusesMalformedURLsWithoutRepeatingThem(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "localhost:6379", "http://host", "redis:opaque", "redis://user:se/cret@host", "redis://user:se#cret@host",
		"redis://user:se?cret@host", "redis://user:12/secret@host", "redis://user:12?secret=1@host", "redis://u:secret@host/notadb",
		"redis://u:secret@host?secret=1", "redis://u:%zzsecret@host",
	} {
		s, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			_ = s.Close()
			t.Errorf("%q was accepted", url)
			continue
		}
		for _, part := range []string{"cret", "user"} {
			if strings.Contains(strings.ReplaceAll(err.Error(), "user:password", ""), part) {
				t.Errorf("%q: the error repeats a part of it: %v", url, err)
			}
		}
	}
}

func TestClientOptionsKeepToTheContract(t *testing.T) {
	t.Parallel()
	c, err := Options{URL: "rediss://u:p@host:6380/0?client_name=x&pool_size=500&protocol=3"}.clientOptions()
	if err != nil {
		t.Fatal(err)
	}
	if c.TLSConfig == nil || c.Addr != "host:6380" || c.Username != "u" || c.Password != "p" {
		t.Errorf("URL was read as %+v", c)
	}
	if c.ClientName != "" || !c.DisableIdentity || c.PoolSize != defaultPoolSize || c.Protocol != 2 ||
		c.MaintNotificationsConfig.Mode != "disabled" {
		t.Errorf("options would send commands that the user may not: %+v", c)
	}
	if got := displayAddr(c); got != "host:6380 (TLS)" {
		t.Errorf("address is shown as %q", got)
	}
}

func TestAServerThatIsAwayAtStartIsNoErrorAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, w, _ := openOnWire(t)
		w.setCut(true)
		s := openVia(t, w)
		defer s.Close()

		if s.Up() {
			t.Fatal("server is up, want down")
		}
		begin := time.Now()
		err := NewCache(s, testPrefix(), 0).Set(t.Context(), "k", nil, 0)
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("Set returned %v, want ErrUnavailable", err)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("a call to a server known to be away took %s, want none", took)
		}
		if err := s.Check(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Check returned %v, want ErrUnavailable", err)
		}

		w.setCut(false)
		if _, err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("return was seen after %s, want at most 3s", took)
		}
		if err := NewCache(s, testPrefix(), 0).Set(t.Context(), "k", nil, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestLosingTheServerIsSeenLoggedOnceAndEndsTheUpContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, w, _ := openOnWire(t)
		// The library's dial loop sleeps for a second at most after Close.
		defer time.Sleep(2 * time.Second)
		var log syncBuffer
		s, err := Open(t.Context(), Options{
			URL: "redis://:hunter2@wire", name: "wire", dialer: w.connect,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w.setCut(true)
		<-s.watch.changedNow()
		w.setCut(false)

		up, err := s.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.setCut(true)
		// The next call meets the trouble and has the server probed at once.
		cache := NewCache(s, testPrefix(), 0)
		begin := time.Now()
		if _, err := cache.Get(t.Context(), "k"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Get returned %v, want ErrUnavailable", err)
		}
		<-up.Done()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("loss was seen after %s, want at most 2s", took)
		}
		time.Sleep(time.Minute)
		w.setCut(false)
		if _, err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		text := log.String()
		if got := strings.Count(text, "redis is away"); got > 3 {
			t.Errorf("outages were logged %d times:\n%s", got, text)
		}
		if !strings.Contains(text, "redis is back") {
			t.Errorf("return was not logged:\n%s", text)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("the log holds the password:\n%s", text)
		}
	})
}

func (w *watcher) changedNow() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func TestCallsEndWithinTheTimeoutOrTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, w, mini := openOnWire(t)
		s := openVia(t, w)
		defer s.Close()
		cache := NewCache(s, testPrefix(), 0)
		release := make(chan struct{})
		mini.Server().SetPreHook(func(_ *server.Peer, cmd string, _ ...string) bool {
			if cmd == "GET" {
				<-release
			}
			return false
		})
		defer close(release)

		begin := time.Now()
		if _, err := cache.Get(t.Context(), "k"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Get returned %v, want ErrUnavailable", err)
		}
		if took := time.Since(begin); took > defaultTimeout {
			t.Errorf("Get took %s, want at most %s", took, defaultTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := cache.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
			t.Errorf("Get returned %v, want the caller's deadline", err)
		}
	})
}

func TestAWrongPasswordIsReportedAndNeverShown(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	mini.RequireUserAuth("custodian-adapter", "right")
	for _, url := range []string{"redis://custodian-adapter:hunter2@" + mini.Addr(), "redis://nobody:hunter2@" + mini.Addr(), "redis://" + mini.Addr()} {
		s, err := Open(t.Context(), Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, err := range []error{s.Check(t.Context()), s.State().Err, NewCache(s, testPrefix(), 0).Set(t.Context(), "k", nil, 0)} {
			if !errors.Is(err, ErrAuth) {
				t.Errorf("%s: got %v, want ErrAuth", url, err)
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the password: %v", err)
			}
		}
	}
}

func TestCheckListsAllMissingRightsAtOnce(t *testing.T) {
	t.Parallel()
	s, _, mini := openOnWire(t)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys := mini.Keys(); len(keys) != 1 || keys[0] != s.watch.mark.key {
		t.Errorf("beside the server's mark Check left %v behind", keys)
	}
	deny(mini, "XADD", "SCAN")
	err := s.Check(t.Context())
	denied, ok := errors.AsType[*PermissionError](err)
	if !ok {
		t.Fatalf("got %v, want a PermissionError", err)
	}
	const want = `redis user "default" may not run SCAN, XADD; missing grant: ACL SETUSER default +scan +xadd`
	if denied.Error() != want {
		t.Errorf("got  %s\nwant %s", denied, want)
	}
	if !s.Up() {
		t.Error("a missing right took the server down")
	}
}

func TestADeniedKeyNamesThePattern(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	for _, text := range []string{
		"NOPERM this user has no permissions to access one of the keys used as arguments",
		"NOPERM No permissions to access a key",
	} {
		if got := s.permissionError(text).Error(); !strings.Contains(got, "~custodian:*") {
			t.Errorf("%q became %q, which names no grant", text, got)
		}
	}
}

// deny has the server refuse commands as Redis does for lack of rights.
func deny(mini *miniredis.Miniredis, commands ...string) {
	mini.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		for _, d := range commands {
			if cmd == d {
				c.WriteError("NOPERM this user has no permissions to run the '" + strings.ToLower(cmd) + "' command")
				return true
			}
		}
		return false
	})
}

func TestAServerThatIsLoadingIsUnavailable(t *testing.T) {
	t.Parallel()
	s, _, mini := openOnWire(t)
	mini.SetError("LOADING Redis is loading the dataset in memory")
	err := s.do(t.Context(), func(ctx context.Context, c *goredis.Client) error { return c.Get(ctx, "k").Err() })
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestAClosedServerSaysSo(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	waiting := start(t, func(ctx context.Context) error {
		for {
			up, err := s.Wait(ctx)
			if err != nil {
				return err
			}
			<-up.Done()
		}
	})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waiting.done; !errors.Is(err, ErrClosed) {
		t.Errorf("Wait returned %v, want ErrClosed", err)
	}
	cache := NewCache(s, testPrefix(), 0)
	if err := cache.Set(t.Context(), "k", nil, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("Set returned %v, want ErrClosed", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Check returned %v, want ErrClosed", err)
	}
}

func TestServersShareOneServerPerURLUntilTheLastRelease(t *testing.T) {
	t.Parallel()
	a, b := miniredis.RunT(t), miniredis.RunT(t)
	servers := NewServers(Options{})
	defer servers.Close()
	open := func(addr string) (*Server, func()) {
		s, release, err := servers.Open(t.Context(), "redis://"+addr)
		if err != nil {
			t.Fatal(err)
		}
		return s, release
	}
	a1, releaseA1 := open(a.Addr())
	a2, releaseA2 := open(a.Addr())
	b1, _ := open(b.Addr())
	if a1 != a2 || a1 == b1 {
		t.Fatal("servers are not shared by URL")
	}
	releaseA1()
	releaseA1()
	if !a2.Up() {
		t.Fatal("server closed while in use")
	}
	releaseA2()
	if !errors.Is(a2.State().Err, ErrClosed) {
		t.Error("server still open after the last release")
	}
	if again, _ := open(a.Addr()); again == a1 || !again.Up() {
		t.Error("closed server was handed out")
	}
	servers.Close()
	if !errors.Is(b1.State().Err, ErrClosed) {
		t.Error("Close left a server open")
	}
	if _, _, err := servers.Open(t.Context(), "redis://"+a.Addr()); !errors.Is(err, ErrClosed) {
		t.Errorf("Open after Close returned %v, want ErrClosed", err)
	}
	if _, _, err := NewServers(Options{}).Open(t.Context(), "nonsense"); err == nil {
		t.Error("a malformed URL was accepted")
	}
}

func TestDropPrefixRemovesOneInstanceOnly(t *testing.T) {
	t.Parallel()
	s, _, mini := openOnWire(t)
	p, other := Prefix("custodian:sim:001:"), Prefix("custodian:sim:0011:")
	for range 3 {
		_ = mini.Set(p.Cache("a"), "1")
		_ = mini.Set(p.Cache("b"), "1")
		_, _ = mini.XAdd(p.Events(), "*", []string{"a", "b"})
		_ = mini.Set(other.Cache("a"), "1")
		_ = mini.Set(serviceKey("x"), "1")
		_ = mini.Set(Prefix(Root).Cache("a"), "1")
	}
	if n, err := s.DropPrefix(t.Context(), p); err != nil || n != 3 {
		t.Errorf("dropped %d, %v; want 3", n, err)
	}
	if n, err := s.DropPrefix(t.Context(), Root); err != nil || n != 1 {
		t.Errorf("dropped %d of the unnamed instance, %v; want 1", n, err)
	}
	mini.Del(s.watch.mark.key)
	if got := strings.Join(mini.Keys(), " "); got != serviceKey("x")+" "+other.Cache("a") {
		t.Errorf("left are %s", got)
	}
}

// syncBuffer is a bytes.Buffer for one writer and one reader.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
