package main

import (
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
)

func TestAVerificationSaysHowFarItIsWithinAnInstance(t *testing.T) {
	t.Parallel()
	books := verify.Progress{Doing: "replaying", Done: 5, Total: 9, Unit: "events"}
	for name, c := range map[string]struct {
		at   supervisor.Verifying
		want terminal.Progress
	}{
		"not begun": {supervisor.Verifying{}, terminal.Progress{What: "verifying", Unit: "instances", Uneven: true}},
		"one alone": {
			supervisor.Verifying{Total: 1, Instance: "a", Books: books},
			terminal.Progress{What: "verifying a, replaying", Done: 5, Total: 9, Unit: "events", Uneven: true},
		},
		"one of three": {
			supervisor.Verifying{Done: 1, Total: 3, Instance: "a", Books: books},
			terminal.Progress{What: "verifying", Done: 1, Total: 3, Unit: "instances", Uneven: true, Detail: "a, replaying: 5 of 9 events"},
		},
		"one that is opened": {
			supervisor.Verifying{Total: 3, Instance: "a", Books: verify.Progress{Doing: "opening"}},
			terminal.Progress{What: "verifying", Total: 3, Unit: "instances", Uneven: true, Detail: "a, opening"},
		},
	} {
		if got := verifying(c.at); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
