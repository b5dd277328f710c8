// Package custodiantest gives a Go test a custodian of its own: in the test's
// process, on free ports, there within milliseconds and gone with the test. Its
// books are in memory and its clock stands still until the test moves it, so that
// days of settlement take no time and a test has the same result every time.
//
//	func TestDeliveryAgainstPayment(t *testing.T) {
//		bank := custodiantest.StartWith(t, `{"profile": "global-custodian"}`)
//		system := connectTheSystemUnderTest(bank.URL)
//		…
//		bank.Advance(48 * time.Hour)
//		bank.RequireSettlement(id, "COMPLETED")
//		bank.RequirePosition("fund", "AAPL", "100", "0")
//	}
//
// Every custodian is isolated; tests may run in parallel. Everything that the
// custodian can do is at hand through its HTTP address ([Custodian.URL]), its gRPC
// address and the clients of its gRPC services.
package custodiantest

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/inprocess"
)

// closing is how long the end of a test waits for calls that are under way.
const closing = 10 * time.Second

// Custodian is a custodian that a test runs. Its methods fail the test where the
// custodian does not answer as they expect; like all that fail a test at once they
// are for the goroutine that runs it. The addresses and clients may be used by any
// goroutine.
type Custodian struct {
	// URL is where the HTTP face listens, such as http://127.0.0.1:40001.
	URL string
	// GRPCAddr is where the gRPC face listens, such as 127.0.0.1:40002.
	GRPCAddr string
	// Conn is a connection to the gRPC face, closed with the test.
	Conn *grpc.ClientConn

	// Clients of the gRPC services, over Conn.
	Custody          pb.CustodianServiceClient
	Settlements      pb.SettlementServiceClient
	Transfers        pb.TransferServiceClient
	Reporting        pb.ReportingServiceClient
	CorporateActions pb.CorporateActionServiceClient
	Webhooks         pb.WebhookServiceClient
	Clock            pb.ClockServiceClient
	Chaos            pb.ChaosServiceClient

	t testing.TB
}

// Start starts a custodian of the profile instant.
func Start(t testing.TB) *Custodian {
	t.Helper()
	return StartWith(t, "{}")
}

// StartWith starts a custodian from an entry as it stands under instances: in a
// configuration file, as JSON. Where the entry says nothing of a name or a clock,
// the custodian is called "custodian" and its time stands at
// 2026-11-23T14:00:00Z, a Monday. A mistake in the entry fails the test and names
// the key.
func StartWith(t testing.TB, entry string) *Custodian {
	t.Helper()
	parsed, err := inprocess.Parse([]byte(entry))
	if err != nil {
		t.Fatalf("custodiantest: the entry: %v", err)
	}
	custodian, err := inprocess.Start(t.Context(), parsed, nil)
	if err != nil {
		t.Fatalf("custodiantest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), closing)
		defer cancel()
		if err := custodian.Close(ctx); err != nil {
			t.Errorf("custodiantest: closing: %v", err)
		}
	})
	httpAddr, grpcAddr, err := custodian.Listen(t.Context())
	if err != nil {
		t.Fatalf("custodiantest: %v", err)
	}
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("custodiantest: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // calls that are under way end with it
	return &Custodian{
		URL: "http://" + httpAddr, GRPCAddr: grpcAddr, Conn: conn,
		Custody: pb.NewCustodianServiceClient(conn), Settlements: pb.NewSettlementServiceClient(conn),
		Transfers: pb.NewTransferServiceClient(conn), Reporting: pb.NewReportingServiceClient(conn),
		CorporateActions: pb.NewCorporateActionServiceClient(conn), Webhooks: pb.NewWebhookServiceClient(conn),
		Clock: pb.NewClockServiceClient(conn), Chaos: pb.NewChaosServiceClient(conn),
		t: t,
	}
}
