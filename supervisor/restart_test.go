package supervisor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

var quickPolicy = config.Restart{
	Initial: config.Duration(500 * time.Millisecond), Max: config.Duration(30 * time.Second),
	ForgiveAfter: config.Duration(time.Minute), MaxAttempts: 10,
}

func TestBackoffDoublesWithJitterUpToItsBound(t *testing.T) {
	t.Parallel()
	for range 200 {
		var f failures
		full := quickPolicy.Initial.Std()
		for n := 1; n < quickPolicy.MaxAttempts; n++ {
			backoff, again := f.add(quickPolicy, true)
			if !again {
				t.Fatalf("gave up after %d failures, want %d", n, quickPolicy.MaxAttempts)
			}
			if backoff < full/2 || backoff > full {
				t.Fatalf("backoff %d is %s, want %s to %s", n, backoff, full/2, full)
			}
			full = min(2*full, quickPolicy.Max.Std())
		}
		if _, again := f.add(quickPolicy, true); again {
			t.Fatalf("not given up after %d failures in a row", quickPolicy.MaxAttempts)
		}
	}
}

func TestHealthForgivesFailures(t *testing.T) {
	t.Parallel()
	var f failures
	for range 9 {
		f.add(quickPolicy, true)
	}
	f.healthy(quickPolicy, 30*time.Second)
	for n := range 5 {
		if _, again := f.add(quickPolicy, true); !again {
			t.Fatalf("given up at failure %d after half of the forgiveness", n+1)
		}
	}
	if _, again := f.add(quickPolicy, true); again {
		t.Error("nine failures, half of them forgiven, and six more: not given up")
	}
	f.healthy(quickPolicy, time.Minute)
	if backoff, again := f.add(quickPolicy, true); !again || backoff > quickPolicy.Initial.Std() {
		t.Errorf("after a minute of health: backoff %s, %t; want as if nothing had ever been", backoff, again)
	}
}

func TestCrashOnceADayIsNeverTooOften(t *testing.T) {
	t.Parallel()
	var f failures
	for day := range 1000 {
		if _, again := f.add(quickPolicy, true); !again {
			t.Fatalf("given up on day %d", day)
		}
		f.healthy(quickPolicy, 24*time.Hour)
	}
}

func TestStoreThatIsAwayIsTriedForEver(t *testing.T) {
	t.Parallel()
	var f failures
	for range 10_000 {
		backoff, again := f.add(quickPolicy, false)
		if !again || backoff > quickPolicy.Max.Std() || backoff <= 0 {
			t.Fatalf("backoff %s, %t", backoff, again)
		}
	}
	// And what it cost in patience is not held against a later defect.
	if _, again := f.add(quickPolicy, true); !again {
		t.Error("given up at the first defect")
	}
}

func TestWhatBecomesOfAFailureDependsOnItsCause(t *testing.T) {
	t.Parallel()
	away := &storageError{errors.New("connection refused")}
	owned := &storageError{fmt.Errorf("opening: %w", postgres.ErrOwned)}
	lost := fmt.Errorf("engine: appending: %w", sim.ErrLostOwnership)
	for _, c := range []struct {
		name    string
		err     error
		standby bool
		want    consequence
	}{
		{"store away", away, false, tryAgain},
		{"store away, wrapped", fmt.Errorf("engine: %w", away), true, tryAgain},
		{"panic in a store that is away", fmt.Errorf("engine: %w", &guard.Panic{Part: "engine", Value: away}), false, tryForAWhile},
		{"owned by another", owned, false, tryForAWhile},
		{"owned by another, as standby", owned, true, standBy},
		{"taken over", lost, false, giveUp},
		{"taken over, as standby", lost, true, standBy},
		{"schema of a newer program", &storageError{postgres.ErrNewerSchema}, false, tryForAWhile},
		{"broken books", sim.ErrBrokenInvariant, false, tryForAWhile},
		{"port taken", errors.New("address is taken"), false, tryForAWhile},
	} {
		if got := consequenceOf(c.err, c.standby); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
