package inprocess_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overhttp"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/inprocess"
)

func start(t *testing.T, entry string) *inprocess.Custodian {
	t.Helper()
	parsed, err := inprocess.Parse([]byte(entry))
	if err != nil {
		t.Fatal(err)
	}
	c, err := inprocess.Start(t.Context(), parsed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestBothFacesShowTheOpeningUnderAManualClock(t *testing.T) {
	t.Parallel()
	c := start(t, `{"profile":"global-custodian","opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"5.00"}]}}`)
	status, answer, err := overhttp.Handler{Handler: c.Handler()}.Do(t.Context(), "GET", "/api/v1/balances?account_id=a", nil, nil)
	if err != nil || status != 200 || !strings.Contains(string(answer), `"available_balance":"5.00"`) || !strings.Contains(string(answer), "2026-11-23T14:00:00Z") {
		t.Errorf("answered %d %s, %v", status, answer, err)
	}
	conn, err := c.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-test", "1")
	list, err := custodianpb.NewCustodianServiceClient(conn).ListBalances(ctx, &custodianpb.ListBalancesRequest{AccountId: "a"})
	if err != nil || len(list.GetBalances()) != 1 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestMistakesInAnEntryAreNamed(t *testing.T) {
	t.Parallel()
	if _, err := inprocess.Parse([]byte(`{"profil":"instant"}`)); err == nil || !strings.Contains(err.Error(), "did you mean profile?") {
		t.Errorf("error is %v", err)
	}
}
