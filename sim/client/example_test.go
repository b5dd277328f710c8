package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/inprocess"
)

// custodian starts a custodian with a manual clock for an example, and returns a
// client of it. Tests have sim/custodiantest for this.
func custodian(ctx context.Context, entry string) (bank *client.Client, stop func()) {
	parsed, err := inprocess.Parse([]byte(entry))
	check(err)
	instance, err := inprocess.Start(ctx, parsed, nil)
	check(err)
	addr, _, err := instance.Listen(ctx)
	check(err)
	bank, err = client.New(client.Options{URL: "http://" + addr})
	check(err)
	return bank, func() {
		bank.Close()
		check(instance.Close(ctx))
	}
}

func check(err error) {
	if err != nil {
		slog.Error("the example failed", "error", err)
		os.Exit(1)
	}
}

// Open an account, instruct a settlement and read it until it has settled.
func Example() {
	ctx := context.Background()
	bank, stop := custodian(ctx, `{"profile": "global-custodian"}`)
	defer stop()

	account, err := bank.OpenAccount(ctx, client.OpenAccount{AccountID: "fund", ClientID: "example-client"})
	check(err)
	fmt.Println("opened", account.AccountID)

	// The key makes the request safe to repeat: the second call changes nothing.
	deposit := client.Instruction{SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "AAPL", Quantity: "100"}
	first, err := bank.CreateSettlement(ctx, deposit, client.IdempotencyKey("deposit-1"))
	check(err)
	var header http.Header
	again, err := bank.CreateSettlement(ctx, deposit, client.IdempotencyKey("deposit-1"), client.AnswerHeader(&header))
	check(err)
	fmt.Println(first.Quantity, first.Symbol, first.Status, "due", first.ExpectedSettlementDate)
	fmt.Println("the same:", again.SettlementID == first.SettlementID, "replayed:", header.Get("Idempotent-Replayed"))

	// A day of the custodian passes for each call.
	settlement := first
	for settlement.Status != client.SettlementStatusCOMPLETED {
		_, err = bank.AdvanceClock(ctx, client.AdvanceRequest{By: "24h"})
		check(err)
		settlement, err = bank.GetSettlement(ctx, first.SettlementID)
		check(err)
		fmt.Println(settlement.Status, settlement.CompletedAt.Format(time.DateOnly))
	}

	positions, err := bank.ListPositions(ctx, client.ListPositionsParams{AccountID: "fund"})
	check(err)
	for _, p := range positions.Positions {
		fmt.Println("fund has", p.AvailableQuantity, p.Symbol)
	}
	// Output:
	// opened fund
	// 100 AAPL PENDING due 2026-11-24
	// the same: true replayed: true
	// COMPLETED 2026-11-24
	// fund has 100 AAPL
}

// A mistake is an error with a code and the field at fault.
func ExampleError() {
	ctx := context.Background()
	bank, stop := custodian(ctx, "{}")
	defer stop()

	_, err := bank.CreateSettlement(ctx, client.Instruction{
		SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "USD", Quantity: "1.234",
	})
	if refusal, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(refusal.Status, refusal.Code, refusal.Field)
	}
	fmt.Println(err)
	// Output:
	// 422 invalid_request quantity
	// invalid_request: quantity: 1.234 has more fraction digits than USD has: at most 2 are allowed
}

// Events come as they become durable, until the loop is left or the context ends.
func ExampleClient_Follow() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bank, stop := custodian(context.Background(), "{}")
	defer stop()

	settlement, err := bank.CreateSettlement(ctx, client.Instruction{
		SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "BTC-USD", Quantity: "1.25",
	})
	check(err)
	for event, err := range bank.Follow(ctx, 0) {
		check(err)
		fmt.Println(event.Sequence, event.Type)
		if event.Type != "settlement.completed" {
			continue
		}
		var about client.Settlement
		check(event.Read(&about))
		fmt.Println(about.SettlementID == settlement.SettlementID, about.SettledQuantity, about.Symbol)
		break
	}
	// Output:
	// 1 clock.changed
	// 2 account.opened
	// 3 settlement.completed
	// true 1.25 BTC-USD
}

// Lists come in pages.
func ExampleClient_ListSettlements() {
	ctx := context.Background()
	bank, stop := custodian(ctx, "{}")
	defer stop()
	for _, quantity := range []client.Decimal{"1", "2", "3"} {
		_, err := bank.CreateSettlement(ctx, client.Instruction{
			SettlementType: client.SettlementTypeDEPOSIT, AccountID: "fund", Symbol: "USD", Quantity: quantity,
		})
		check(err)
	}

	filter := client.ListSettlementsParams{Status: client.SettlementStatusCOMPLETED, Limit: 2}
	for {
		page, err := bank.ListSettlements(ctx, filter)
		check(err)
		for _, s := range page.Settlements {
			fmt.Println(s.Quantity, s.Symbol)
		}
		if filter.Cursor = page.NextCursor; filter.Cursor == "" {
			break
		}
	}
	// Output:
	// 1.00 USD
	// 2.00 USD
	// 3.00 USD
}
