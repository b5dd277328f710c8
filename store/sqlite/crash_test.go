package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
)

// childPath makes the test binary a writer of the file it names: it appends and
// projects until it is killed, and says which sequence number is durable.
const childPath = "CUSTODIAN_TEST_SQLITE_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path, os.Stdout))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// rules allow whatever the tests do.
func rules() sim.Rules {
	return sim.Rules{Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 1e6, MaxHoldings: 1e6, MaxOpenSettlements: 1e6}
}

func writeForever(path string, out io.Writer) error {
	ctx := context.Background()
	j, err := sqlite.Open(ctx, sqlite.Options{Path: path, Instance: "crash"})
	if err != nil {
		return err
	}
	snap, err := j.Load(ctx)
	if err != nil {
		return err
	}
	state, err := replay(ctx, j, snap)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, snap.Head); err != nil {
		return err
	}
	durable := make(chan *sim.Batch, 64)
	failed := make(chan error, 1)
	go func() {
		for b := range durable {
			if err := j.Project(ctx, sim.Fold([]*sim.Batch{b})); err != nil {
				failed <- err
				return
			}
		}
	}()
	for {
		var events []*sim.Event
		for range 5 {
			d, err := state.Decide(time.Now(), &sim.Request{Command: sim.Instruct{
				Type: sim.Deposit, AccountID: "fund-a", Symbol: "USD", Quantity: money.MustParse("1"),
			}})
			if err != nil {
				return err
			}
			events = append(events, d.Events...)
		}
		b := state.Seal(events)
		if err := j.Append(ctx, b); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, b.Last); err != nil {
			return err
		}
		select {
		case durable <- b:
		case err := <-failed:
			return err
		}
	}
}

// replay makes the state at the end of the journal and brings the tables there.
func replay(ctx context.Context, j *sqlite.Journal, snap *sim.Snapshot) (*sim.State, error) {
	state, err := sim.LoadState(rules(), sim.NewGenerator("crash", 1), snap)
	if err != nil {
		return nil, err
	}
	var tail []*sim.Batch
	err = j.Read(ctx, snap.Projected.Sequence, func(b *sim.Batch) error {
		tail = append(tail, b)
		return errors.Join(b.Decode(), state.ApplyBatch(b))
	})
	if err == nil && len(tail) > 0 {
		err = j.Project(ctx, sim.Fold(tail))
	}
	return state, err
}

// child is a process of the test binary that writes to a file.
type child struct {
	*exec.Cmd
	out    *bufio.Scanner
	errors strings.Builder
}

func startChild(t *testing.T, path string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), os.Args[0])}
	c.Env = append(os.Environ(), childPath+"="+path)
	c.Stderr = &c.errors
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(pipe)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// next returns the next sequence number that the child says is durable.
func (c *child) next(t *testing.T) (uint64, bool) {
	t.Helper()
	if !c.out.Scan() {
		return 0, false
	}
	n, err := strconv.ParseUint(c.out.Text(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n, true
}

func TestKilledWriterLosesNothingItReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	reported := uint64(0)
	for round := range 4 {
		c := startChild(t, path)
		// Kill it in the middle of its work, and believe what it had said.
		for range 10 + 37*round {
			n, ok := c.next(t)
			if !ok {
				t.Fatalf("the writer ended by itself: %v: %s", c.Wait(), c.errors.String())
			}
			reported = n
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for n, ok := c.next(t); ok; n, ok = c.next(t) {
			reported = n
		}
		_ = c.Wait() // it was killed

		j := open(t, path) // its lock is free
		snap, err := j.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if snap.Head < reported {
			t.Fatalf("round %d: the journal ends at %d, %d was reported", round, snap.Head, reported)
		}
		if snap.Projected.Sequence > snap.Head {
			t.Fatalf("round %d: the tables are at %d, the journal at %d", round, snap.Projected.Sequence, snap.Head)
		}
		state, err := replay(t.Context(), j, snap)
		if err != nil {
			t.Fatal(err)
		}
		if got := state.Progress().Sequence; got != snap.Head {
			t.Fatalf("round %d: the journal replays to %d, its head is %d", round, got, snap.Head)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondProcessLearnsWhoOwnsTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	c := startChild(t, path)
	if _, ok := c.next(t); !ok {
		t.Fatalf("the writer ended: %v: %s", c.Wait(), c.errors.String())
	}
	refused(t, path, sqlite.ErrOwned, fmt.Sprintf("process %d", c.Process.Pid))
	if err := sqlite.Drop(path); !errors.Is(err, sqlite.ErrOwned) {
		t.Errorf("dropping: %v, wanted ErrOwned", err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	open(t, path)
}

func TestSecondJournalOfOneProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	j := open(t, path)
	refused(t, path, sqlite.ErrOwned, "this one", strconv.Itoa(os.Getpid()))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}
