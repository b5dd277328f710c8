//go:build integration

package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// load keeps depositing from several connections until told to stop, and
// remembers which external ids were acknowledged.
type load struct {
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	acked   map[string]bool
	// unclean are answers that are neither success nor a clear refusal.
	unclean []string
	reached chan struct{} // closed when enough were acknowledged
}

func (s *supervised) load(i instance, enough int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel, acked: make(map[string]bool), reached: make(chan struct{})}
	s.t.Cleanup(func() { cancel(); l.workers.Wait() })
	for w := range 8 {
		l.workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("w%d-%d", w, n)
				status, body, err := s.try(http.MethodPost, i.url("/api/v1/settlements"), deposit("fund", "1", id))
				l.record(id, status, body, err, enough)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return // gone for good, as far as this load goes
				}
			}
		})
	}
	return l
}

func (l *load) record(id string, status int, body []byte, err error, enough int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil: // no answer: neither acknowledged nor refused
	case status == http.StatusCreated:
		l.acked[id] = true
		if len(l.acked) == enough {
			close(l.reached)
		}
	case status == http.StatusServiceUnavailable && bytes.Contains(body, []byte(`"code":"draining"`)):
	default:
		l.unclean = append(l.unclean, fmt.Sprintf("%s: %d %s", id, status, body))
	}
}

func (l *load) await(t *testing.T) {
	t.Helper()
	select {
	case <-l.reached:
	case <-time.After(time.Minute):
		t.Fatal("the load made no progress")
	}
}

// settledIDs returns how often each external id is among the completed
// settlements of an instance.
func (s *supervised) settledIDs(i instance) map[string]int {
	s.t.Helper()
	found := make(map[string]int)
	cursor := ""
	for {
		var page struct {
			Settlements []struct {
				ExternalID string `json:"external_id"`
			}
			NextCursor *string `json:"next_cursor"`
		}
		s.call(http.MethodGet, i.url("/api/v1/settlements?status=COMPLETED&limit=1000"+cursor), nil, http.StatusOK, &page)
		for _, st := range page.Settlements {
			found[st.ExternalID]++
		}
		if page.NextCursor == nil {
			return found
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// checkExactlyOnce compares what was acknowledged with what is in the books.
func (s *supervised) checkExactlyOnce(i instance, l *load) {
	s.t.Helper()
	found := s.settledIDs(i)
	for id := range l.acked {
		if found[id] != 1 {
			s.t.Errorf("acknowledged settlement %s is there %d times", id, found[id])
		}
	}
	for id, n := range found {
		if n != 1 {
			s.t.Errorf("settlement %s is there %d times", id, n)
		}
	}
	var list struct {
		Positions []struct {
			Quantity string `json:"quantity"`
		}
	}
	s.call(http.MethodGet, i.url("/api/v1/positions?account_id=fund"), nil, http.StatusOK, &list)
	if want := fmt.Sprint(len(found)); len(list.Positions) != 1 || list.Positions[0].Quantity != want {
		s.t.Errorf("the position is %v, %s settlements say otherwise", list.Positions, want)
	}
}

func TestEveryAcknowledgedSettlementSurvivesAKill(t *testing.T) {
	t.Parallel()
	s := supervise(t, "bank")
	for round := range 2 {
		i := s.instance("bank")
		l := s.load(i, 500)
		l.await(t)
		s.stop(syscall.SIGKILL)
		l.stop()
		l.workers.Wait()
		if len(l.unclean) > 0 {
			t.Errorf("unclean answers: %v", l.unclean)
		}
		s.start()
		s.checkExactlyOnce(s.instance("bank"), l)
		if round == 0 {
			// The next round needs other external ids: start over.
			s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+s.name("bank")+"/reset", nil, http.StatusOK, nil)
		}
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	s.verify()
}

// verify has the books of all instances verified while no supervisor runs. Right
// after a kill the database server may still be ending the sessions of the dead
// process, so books that cannot be looked at are tried again; a difference that
// was found is not.
func (s *supervised) verify() {
	s.t.Helper()
	path, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the books to be verified", func() error {
		cmd := exec.Command(path, "verify", "--config", s.config)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState.ExitCode() != 2 {
			s.t.Fatalf("verify: %v: %s", err, out)
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

func TestAnAddedInstanceServesIsScrapedAndDrainsUnderLoadWithoutLoss(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := supervise(t)
	name := s.name("guest")
	var guest instance
	s.call(http.MethodPost, s.admin+"/admin/v1/instances",
		map[string]any{"name": name, "http_port": freePort(t), "grpc_port": freePort(t)}, http.StatusCreated, &guest)
	if guest.State != "running" {
		t.Fatalf("the added instance is %s, want running", guest.State)
	}
	redis := redisClient(t)
	label := []byte(fmt.Sprintf("instance=%q", name))
	scrape := func() []byte {
		_, body, err := s.try(http.MethodGet, s.admin+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	l := s.load(guest, 300)
	l.await(t)
	if !bytes.Contains(scrape(), label) {
		t.Error("the added instance is not in the scrape")
	}
	s.eventually("discovery of the added instance", func() error {
		return redis.Get(ctx, "custodian:service:"+name).Err()
	})

	s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+name+"/drain?grace=20s&wait=true", nil, http.StatusOK, &guest)
	if guest.State != "drained" {
		t.Fatalf("the instance is %s after the drain, want drained", guest.State)
	}
	l.workers.Wait() // each ends when it is refused the connection
	if len(l.unclean) > 0 {
		t.Errorf("unclean answers during the drain: %v", l.unclean)
	}
	if bytes.Contains(scrape(), label) {
		t.Error("series of the drained instance are left in the scrape")
	}
	if n := redis.Exists(ctx, "custodian:service:"+name, "custodian:heartbeat:"+name).Val(); n != 0 {
		t.Error("the drained instance is still in discovery")
	}
	for _, address := range []string{guest.HTTPAddr, guest.GRPCAddr} {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close() // it should not be there
			t.Errorf("%s still accepts connections", address)
		}
	}

	// It stays drained over a restart of the process, and its books are whole.
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	s.start()
	if state := s.instance("guest").State; state != "drained" {
		t.Errorf("after a restart of the process the instance is %s, want drained", state)
	}
	s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+name+"/start", nil, http.StatusOK, &guest)
	s.checkExactlyOnce(guest, l)

	s.call(http.MethodDelete, s.admin+"/admin/v1/instances/"+name+"?purge=true", nil, http.StatusNoContent, nil)
	s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+name, nil, http.StatusNotFound, nil)
	keys, err := redis.Keys(ctx, guest.RedisPrefix+"*").Result()
	if err != nil || len(keys) > 0 {
		t.Errorf("keys %v (%v) are left after the purge", keys, err)
	}
	conn, err := pgx.Connect(ctx, environment(t, servers.EnvPostgresURL))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	var schemas int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", guest.Schema).Scan(&schemas); err != nil || schemas != 0 {
		t.Errorf("%d schemas (%v) are left after the purge", schemas, err)
	}
}

func TestStoragesThatCannotBeUsedAreReportedInOneLineWithTheNextStep(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(environment(t, servers.EnvPostgresURL))
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
	cases := map[string]struct{ url, says string }{
		"absent":           {fmt.Sprintf("postgres://u:s3cret@127.0.0.1:%d/db", freePort(t)), "refused"},
		"refused password": {"postgres://" + config.User + ":s3cret@" + address, "password"},
		"missing database": {fmt.Sprintf("postgres://%s:%s@%s:%d/nowhere", config.User, config.Password, config.Host, config.Port), "nowhere"},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "c.yaml")
			yaml := fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\nstorage: {driver: postgres, postgres: {url: %q}}\ninstances: [{name: a}]\n", freePort(t), c.url)
			if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "serve", "--config", file)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 2 {
				t.Errorf("exit code %d (%v), want 2: %s", cmd.ProcessState.ExitCode(), err, &stderr)
			}
			line, next, _ := strings.Cut(stderr.String(), "\n")
			if !strings.Contains(line, c.says) || strings.Contains(line, "s3cret") || next != "try: custodian doctor with the same --config says what is missing and what to do\n" {
				t.Errorf("want one line that says %q, no secret, and the next step, got:\n%s", c.says, &stderr)
			}
		})
	}
}
