package overgrpc

import (
	"net/http"
	"reflect"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// operation says which method stands for an operation of the HTTP face.
type operation struct {
	method, path string
	// rpc is the service's and the method's name, without the package.
	rpc string
	// status is that of an answer; 204 has no body.
	status int
	// shape is the type that documents the answer.
	shape reflect.Type
	// renamed are members and parameters that messages call otherwise.
	renamed map[string]string
	// fixed are fields that the path stands for.
	fixed map[string]string
	// render takes the place of shape where an answer is put together otherwise.
	render renderer
}

const (
	get, post, put, patch, remove = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	ok, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent
)

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

var (
	settlement = of[view.Settlement]()
	transfer   = of[view.Transfer]()
	position   = of[view.Position]()
	balance    = of[view.Balance]()
	account    = of[view.Account]()
	fault      = of[view.FaultRule]()
	action     = of[view.CorporateAction]()
	webhook    = of[view.Webhook]()
	chaos      = of[view.ChaosStatus]()
)

// table has every operation of the HTTP face but those about the instance
// itself: health, readiness, metrics and the OpenAPI document.
var table = []operation{
	{method: post, path: "/api/v1/accounts", rpc: "CustodianService/CreateAccount", status: created, shape: account},
	{method: get, path: "/api/v1/accounts", rpc: "CustodianService/ListAccounts", status: ok, shape: of[httpapi.Accounts](), renamed: map[string]string{"type": "account_type"}},
	{method: get, path: "/api/v1/accounts/{account_id}", rpc: "CustodianService/GetAccount", status: ok, shape: account},
	{method: patch, path: "/api/v1/accounts/{account_id}", rpc: "CustodianService/UpdateAccount", status: ok, shape: account},
	{method: get, path: "/api/v1/accounts/{client_id}/master-balance", rpc: "CustodianService/GetMasterBalance", status: ok, shape: of[view.MasterBalance]()},
	{method: get, path: "/api/v1/accounts/{client_id}/segregated-balances", rpc: "CustodianService/GetSegregatedBalances", status: ok, shape: of[view.SegregatedBalances]()},

	{method: post, path: "/api/v1/positions", rpc: "CustodianService/CreatePosition", status: created, shape: position},
	{method: get, path: "/api/v1/positions", rpc: "CustodianService/ListPositions", status: ok, shape: of[httpapi.Positions]()},
	{method: get, path: "/api/v1/positions/{position_id}", rpc: "CustodianService/GetPosition", status: ok, shape: position},
	{method: patch, path: "/api/v1/positions/{position_id}", rpc: "CustodianService/UpdatePosition", status: ok, shape: position},
	{method: remove, path: "/api/v1/positions/{position_id}", rpc: "CustodianService/DeletePosition", status: none},
	{method: post, path: "/api/v1/positions/{position_id}/lock", rpc: "CustodianService/LockPosition", status: ok, shape: position, renamed: map[string]string{"amount": "quantity"}},
	{method: post, path: "/api/v1/positions/{position_id}/unlock", rpc: "CustodianService/UnlockPosition", status: ok, shape: position, renamed: map[string]string{"amount": "quantity"}},
	{method: post, path: "/api/v1/balances", rpc: "CustodianService/CreateBalance", status: created, shape: balance},
	{method: get, path: "/api/v1/balances", rpc: "CustodianService/ListBalances", status: ok, shape: of[httpapi.Balances]()},
	{method: get, path: "/api/v1/balances/{balance_id}", rpc: "CustodianService/GetBalance", status: ok, shape: balance},
	{method: patch, path: "/api/v1/balances/{balance_id}", rpc: "CustodianService/UpdateBalance", status: ok, shape: balance},
	{method: remove, path: "/api/v1/balances/{balance_id}", rpc: "CustodianService/DeleteBalance", status: none},
	{method: post, path: "/api/v1/balances/{balance_id}/lock", rpc: "CustodianService/LockBalance", status: ok, shape: balance},
	{method: post, path: "/api/v1/balances/{balance_id}/unlock", rpc: "CustodianService/UnlockBalance", status: ok, shape: balance},

	{method: post, path: "/api/v1/settlements", rpc: "SettlementService/CreateSettlement", status: created, shape: settlement},
	{method: post, path: "/api/v1/settlements/initiate", rpc: "SettlementService/CreateSettlement", status: created, shape: settlement},
	{method: post, path: "/api/v1/settlements/bulk", rpc: "SettlementService/CreateSettlements", status: ok, render: renderBulk},
	{method: get, path: "/api/v1/settlements", rpc: "SettlementService/ListSettlements", status: ok, shape: of[httpapi.Settlements]()},
	{method: get, path: "/api/v1/settlements/{settlement_id}", rpc: "SettlementService/GetSettlement", status: ok, shape: settlement},
	{method: get, path: "/api/v1/settlements/{settlement_id}/status", rpc: "SettlementService/GetSettlementStatus", status: ok, shape: of[view.SettlementStatus]()},
	{method: post, path: "/api/v1/settlements/{settlement_id}/cancel", rpc: "SettlementService/CancelSettlement", status: ok, shape: settlement},
	{method: post, path: "/api/v1/settlements/{settlement_id}/hold", rpc: "SettlementService/HoldSettlement", status: ok, shape: settlement},
	{method: post, path: "/api/v1/settlements/{settlement_id}/release", rpc: "SettlementService/ReleaseSettlement", status: ok, shape: settlement},
	{method: post, path: "/api/v1/settlements/{settlement_id}/reverse", rpc: "SettlementService/ReverseSettlement", status: created, shape: settlement},
	{method: get, path: "/api/v1/settlements/{settlement_id}/confirmation", rpc: "ReportingService/GetSettlementConfirmation", status: ok, render: renderContent},
	{method: get, path: "/api/v1/settlements/{settlement_id}/status-advice", rpc: "ReportingService/GetSettlementStatusAdvice", status: ok, render: renderContent},

	{method: post, path: "/api/v1/transfers", rpc: "TransferService/CreateTransfer", status: created, shape: transfer},
	{method: post, path: "/api/v1/transfers/initiate", rpc: "TransferService/CreateTransfer", status: created, shape: transfer},
	{method: get, path: "/api/v1/transfers", rpc: "TransferService/ListTransfers", status: ok, shape: of[httpapi.Transfers]()},
	{method: get, path: "/api/v1/transfers/{transfer_id}", rpc: "TransferService/GetTransfer", status: ok, shape: transfer},
	{method: get, path: "/api/v1/transfers/{transfer_id}/status", rpc: "TransferService/GetTransferStatus", status: ok, shape: of[view.TransferStatus]()},
	{method: post, path: "/api/v1/transfers/{transfer_id}/approve", rpc: "TransferService/ApproveTransfer", status: ok, shape: transfer},
	{method: post, path: "/api/v1/transfers/{transfer_id}/reject", rpc: "TransferService/RejectTransfer", status: ok, shape: transfer},
	{method: post, path: "/api/v1/transfers/{transfer_id}/cancel", rpc: "TransferService/CancelTransfer", status: ok, shape: transfer},

	{method: get, path: "/api/v1/ledger/entries", rpc: "ReportingService/ListLedgerEntries", status: ok, shape: of[httpapi.Entries]()},
	{method: get, path: "/api/v1/events", rpc: "ReportingService/ListEvents", status: ok, render: renderEvents},
	{method: get, path: "/api/v1/statements/holdings", rpc: "ReportingService/GetStatement", status: ok, render: renderContent, fixed: map[string]string{"kind": "holdings"}},
	{method: get, path: "/api/v1/statements/transactions", rpc: "ReportingService/GetStatement", status: ok, render: renderContent, fixed: map[string]string{"kind": "transactions"}},
	{method: get, path: "/api/v1/statements/cash", rpc: "ReportingService/GetStatement", status: ok, render: renderContent, fixed: map[string]string{"kind": "cash"}},
	{method: post, path: "/api/v1/iso20022", rpc: "ReportingService/ReceiveMessage", status: ok, render: renderContent},
	{method: get, path: "/api/v1/reconciliation", rpc: "ReportingService/GetReconciliation", status: ok, shape: of[httpapi.Reconciliations]()},
	{method: post, path: "/api/v1/reconciliation/run", rpc: "ReportingService/RunReconciliation", status: ok, shape: of[view.Reconciliation]()},
	{method: get, path: "/debug/state", rpc: "ReportingService/GetState", status: ok, shape: of[httpapi.StateDigest]()},

	{method: post, path: "/api/v1/corporate-actions", rpc: "CorporateActionService/AnnounceCorporateAction", status: created, shape: action},
	{method: get, path: "/api/v1/corporate-actions", rpc: "CorporateActionService/ListCorporateActions", status: ok, shape: of[httpapi.CorporateActions]()},
	{method: get, path: "/api/v1/corporate-actions/{corporate_action_id}", rpc: "CorporateActionService/GetCorporateAction", status: ok, shape: action},
	{method: get, path: "/api/v1/corporate-actions/{corporate_action_id}/entitlements", rpc: "CorporateActionService/GetEntitlements", status: ok, shape: of[view.Entitlements]()},
	{method: post, path: "/api/v1/corporate-actions/{corporate_action_id}/cancel", rpc: "CorporateActionService/CancelCorporateAction", status: ok, shape: action},

	{method: post, path: "/api/v1/webhooks", rpc: "WebhookService/AddWebhook", status: created, shape: webhook},
	{method: get, path: "/api/v1/webhooks", rpc: "WebhookService/ListWebhooks", status: ok, shape: of[httpapi.WebhookList]()},
	{method: get, path: "/api/v1/webhooks/{webhook_id}", rpc: "WebhookService/GetWebhook", status: ok, shape: webhook},
	{method: remove, path: "/api/v1/webhooks/{webhook_id}", rpc: "WebhookService/RemoveWebhook", status: none},
	{method: post, path: "/api/v1/webhooks/{webhook_id}/resend", rpc: "WebhookService/ResendWebhook", status: ok, shape: webhook},

	{method: get, path: "/clock", rpc: "ClockService/GetClock", status: ok, shape: of[view.Clock]()},
	{method: put, path: "/clock", rpc: "ClockService/SetClock", status: ok, shape: of[view.Clock]()},
	{method: post, path: "/clock/advance", rpc: "ClockService/AdvanceClock", status: ok, shape: of[view.Advance]()},
	{method: post, path: "/chaos/delay-settlements", rpc: "ChaosService/DelaySettlements", status: created, shape: fault},
	{method: post, path: "/chaos/partial-settlement-failure", rpc: "ChaosService/FailSettlements", status: created, shape: fault},
	{method: post, path: "/chaos/multi-sig-delays", rpc: "ChaosService/DelayApprovals", status: created, shape: fault},
	{method: post, path: "/chaos/simulate-bank-holiday", rpc: "ChaosService/SimulateBankHoliday", status: created, shape: fault},
	{method: post, path: "/chaos/reject-transfers", rpc: "ChaosService/RejectTransfers", status: created, shape: fault},
	{method: post, path: "/chaos/custodian-offline", rpc: "ChaosService/TakeOffline", status: created, shape: fault},
	{method: post, path: "/chaos/rules", rpc: "ChaosService/AddFaultRule", status: created, shape: fault},
	{method: get, path: "/chaos/rules", rpc: "ChaosService/GetChaosStatus", status: ok, shape: chaos},
	{method: get, path: "/chaos/status", rpc: "ChaosService/GetChaosStatus", status: ok, shape: chaos},
	{method: remove, path: "/chaos/rules/{rule_id}", rpc: "ChaosService/ClearFaultRule", status: none},
	{method: remove, path: "/chaos/rules", rpc: "ChaosService/ClearFaults", status: ok, shape: chaos},
	{method: remove, path: "/chaos/clear-all", rpc: "ChaosService/ClearFaults", status: ok, shape: chaos},
}

// Operations lists the operations that can be played, as "METHOD path".
func Operations() []string {
	out := make([]string, len(table))
	for i := range table {
		out[i] = table[i].method + " " + table[i].path
	}
	return out
}
