package tables

import (
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestHistoryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 120000, time.UTC)
	for _, history := range [][]sim.Transition{
		nil,
		{{Status: "ACKNOWLEDGED", Sequence: 1}},
		{{At: at, Status: "A", ReasonCode: "LACK", Reason: "\"quoted\" \\ <é> \u2028", Sequence: 1 << 62}, {At: at.Add(time.Hour), Status: ""}},
	} {
		written, got := History(history), History{}
		err := got.Decode(string(written.Encode()))
		if err != nil || len(got) != len(history) {
			t.Fatalf("%+v came back as %+v (%v)", history, got, err)
		}
		for i := range got {
			if got[i] != history[i] {
				t.Errorf("%+v came back as %+v", history[i], got[i])
			}
		}
	}
}
