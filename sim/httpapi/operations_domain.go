package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request/hook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

func get(path, id, tag, summary, description string, answers []openapi.Answer, serve func(*call) error, query ...openapi.Parameter) operation {
	return operation{Operation: openapi.Operation{Method: http.MethodGet, Path: path, ID: id, Tag: tag, Summary: summary,
		Description: description, Query: query, Answers: answers, Problems: []int{http.StatusNotFound}}, serve: serve}
}

func post(path, id, tag, summary, description string, body any, optional bool, answers []openapi.Answer, serve func(*call) error) operation {
	return operation{Operation: openapi.Operation{Method: http.MethodPost, Path: path, ID: id, Tag: tag, Summary: summary,
		Description: description, Body: body, BodyOptional: optional, Answers: answers, Problems: []int{http.StatusNotFound}}, serve: serve}
}

func remove(path, id, tag, summary, description string, answers []openapi.Answer, serve func(*call) error) operation {
	return operation{Operation: openapi.Operation{Method: http.MethodDelete, Path: path, ID: id, Tag: tag, Summary: summary,
		Description: description, Answers: answers, Problems: []int{http.StatusNotFound}}, serve: serve}
}

func gone() []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusNoContent, Description: "It is gone."}}
}

func transferOperations() []operation {
	const collection, single, tag = "/api/v1/transfers", "/api/v1/transfers/{transfer_id}", "transfers"
	submit := func(path, id string) operation {
		return post(path, id, tag, "Submit a transfer", "A well-formed transfer is recorded whatever becomes of it: one that lacks holdings, or that a policy rejects, is answered 201 with the status FAILED.",
			request.Transfer{}, false, created("The transfer.", view.Transfer{}), createTransfer)
	}
	now := func() []openapi.Answer { return ok("The transfer as it is now.", view.Transfer{}) }
	return []operation{
		submit(collection, "createTransfer"),
		submit(collection+"/initiate", "initiateTransfer"),
		get(collection, "listTransfers", tag, "List transfers", "In the order in which they were submitted.", ok("A page of transfers.", Transfers{}), listTransfers, paged(
			openapi.Parameter{Name: "account_id"}, openapi.Parameter{Name: "symbol"}, openapi.Parameter{Name: "rail"},
			openapi.Parameter{Name: "direction", Enum: directions}, openapi.Parameter{Name: "status", Enum: sim.SettlementStatuses()},
			openapi.Parameter{Name: "stage", Enum: sim.TransferStages()}, openapi.Parameter{Name: "external_id"},
			openapi.Parameter{Name: "from", Description: "Initiated at this RFC 3339 time or later."},
			openapi.Parameter{Name: "until", Description: "Initiated before this RFC 3339 time."})...),
		get(single, "getTransfer", tag, "Get a transfer", "Its history has the postings.", ok("The transfer.", view.Transfer{}), getTransfer),
		get(single+"/status", "getTransferStatus", tag, "Get how far a transfer is", "", ok("How far it is.", view.TransferStatus{}), getTransferStatus),
		post(single+"/approve", "approveTransfer", tag, "Approve a transfer", "Refused with 409 unless it awaits approval, and where the approver requested it or has decided before.",
			request.Approval{}, false, now(), changeTransfer(false, (*request.Approval).Command)),
		post(single+"/reject", "rejectTransfer", tag, "Reject a transfer", "Refused as an approval is.",
			request.Rejection{}, false, now(), changeTransfer(false, (*request.Rejection).Command)),
		post(single+"/cancel", "cancelTransfer", tag, "Cancel a transfer", "Refused with 409 once it has been sent.",
			NoFields{}, true, now(), changeTransfer(true, func(_ *NoFields, id uuid.UUID) sim.Command { return sim.CancelTransfer{ID: id} })),
	}
}

func clientOperations() []operation {
	const tag = "accounts"
	return []operation{
		get("/api/v1/accounts/{client_id}/master-balance", "getMasterBalance", tag, "Get all that a client holds", "", ok("The client's balance.", view.MasterBalance{}), getMasterBalance),
		get("/api/v1/accounts/{client_id}/segregated-balances", "getSegregatedBalances", tag, "Get what a client's segregated accounts hold", "",
			ok("The client's segregated accounts.", view.SegregatedBalances{}), getSegregatedBalances),
	}
}

func clockOperations() []operation {
	const tag = "clock"
	all := []operation{
		get("/clock", "getClock", tag, "Get the clock", "", ok("The clock.", view.Clock{}), getClock),
		{Operation: openapi.Operation{Method: http.MethodPut, Path: "/clock", ID: "setClock", Tag: tag, Summary: "Set the clock",
			Description: "Instance time never runs backwards.", Body: request.Clock{}, Answers: ok("The clock as it is now.", view.Clock{})}, serve: setClock},
		post("/clock/advance", "advanceClock", tag, "Advance a manual clock",
			"Does all work that becomes due on the way, and answers once every effect is durable and visible. It stops where its caller waits no longer, or the time for an answer is up; the same call, given again, goes on from there to the same end.",
			request.Advance{}, false, ok("Where the clock is now.", view.Advance{}), advanceClock),
	}
	return steady(all)
}

// steady makes operations go on whatever goes wrong on purpose.
func steady(all []operation) []operation {
	for i := range all {
		all[i].steady = true
	}
	return all
}

func chaosOperations() []operation {
	const tag = "chaos"
	fault := func(path, id, summary string, body any, serve func(*call) error) operation {
		return post(path, id, tag, summary, "Decided by the instance's seeded generator, so that a run repeats.", body, false,
			created("The rule that is active now.", view.FaultRule{}), serve)
	}
	status := func() []openapi.Answer { return ok("What goes wrong on purpose.", view.ChaosStatus{}) }
	all := []operation{
		fault("/chaos/delay-settlements", "delaySettlements", "Delay settlements", request.DelaySettlements{}, chaos[request.DelaySettlements]),
		fault("/chaos/partial-settlement-failure", "failSettlements", "Let a part of the settlements fail", request.PartialSettlementFailure{}, chaos[request.PartialSettlementFailure]),
		fault("/chaos/multi-sig-delays", "delayApprovals", "Make approvers slow", request.MultiSigDelays{}, chaos[request.MultiSigDelays]),
		fault("/chaos/simulate-bank-holiday", "simulateBankHoliday", "Make it a bank holiday", request.SimulateBankHoliday{}, chaos[request.SimulateBankHoliday]),
		fault("/chaos/reject-transfers", "rejectTransfers", "Reject transfers", request.RejectTransfers{}, chaos[request.RejectTransfers]),
		fault("/chaos/custodian-offline", "takeOffline", "Take the custodian away", request.CustodianOffline{}, chaos[request.CustodianOffline]),
		fault("/chaos/rules", "addFaultRule", "Add a fault rule", request.FaultRule{}, chaos[request.FaultRule]),
		get("/chaos/rules", "listFaultRules", tag, "List the active fault rules", "", status(), getChaosStatus),
		get("/chaos/status", "getChaosStatus", tag, "Get what goes wrong on purpose", "", status(), getChaosStatus),
		remove("/chaos/rules/{rule_id}", "clearFaultRule", tag, "Clear a fault rule", "", gone(), clearFault),
		remove("/chaos/rules", "clearFaultRules", tag, "Clear every fault rule", "", status(), clearFaults),
		remove("/chaos/clear-all", "clearFaults", tag, "Clear every fault", "", status(), clearFaults),
	}
	return steady(all)
}

func reportOperations() []operation {
	const tag = "reports"
	account := openapi.Parameter{Name: "account_id", Required: true}
	day := openapi.Parameter{Name: "date", Description: "The end of this day, YYYY-MM-DD in UTC; now by default."}
	only := openapi.Parameter{Name: "symbol", Description: "This asset or currency alone."}
	format := openapi.Parameter{Name: "format", Enum: report.Formats(), Description: "json by default; xml is ISO 20022."}
	period := []openapi.Parameter{account, {Name: "date", Description: "This day, YYYY-MM-DD in UTC; the present one by default."},
		{Name: "from", Description: "The first day of a period."}, {Name: "to", Description: "The last day of a period."}, only, format,
		{Name: "page", Type: 0, Description: "The page's number; 1 by default.", Example: 1},
		{Name: "limit", Type: 0, Description: "How many movements a page has at most; 1000 by default.", Example: 1000}}
	page := func() []openapi.Answer {
		return append(ok("A page of the statement.", report.Shape{}), openapi.Answer{Status: http.StatusOK, MediaType: "text/csv"}, openapi.Answer{Status: http.StatusOK, MediaType: mediaXML})
	}
	xml := func(description string) []openapi.Answer {
		return []openapi.Answer{{Status: http.StatusOK, Description: description, MediaType: mediaXML}}
	}
	const conflict = http.StatusConflict
	confirmation := get("/api/v1/settlements/{settlement_id}/confirmation", "getSettlementConfirmation", tag, "Get the confirmation of a settlement",
		"A sese.025 of what has settled so far; refused with 409 while nothing has.", xml("The confirmation."), getConfirmation)
	confirmation.Problems = append(confirmation.Problems, conflict)
	return []operation{
		get("/api/v1/statements/holdings", "getHoldingsStatement", tag, "Get a statement of holdings", "As ISO 20022 a semt.002, without cash.", page(), statement(report.Holdings), account, day, only, format),
		get("/api/v1/statements/transactions", "getTransactionsStatement", tag, "Get a statement of transactions", "What moved of assets other than cash. As ISO 20022 a semt.017.", page(), statement(report.Transactions), period...),
		get("/api/v1/statements/cash", "getCashStatement", tag, "Get a statement of cash", "As ISO 20022 a camt.053, of one currency.", page(), statement(report.Cash), period...),
		confirmation,
		get("/api/v1/settlements/{settlement_id}/status-advice", "getSettlementStatusAdvice", tag, "Get the status advice of a settlement", "A sese.024.", xml("The advice."), getStatusAdvice),
		{Operation: openapi.Operation{Method: http.MethodPost, Path: "/api/v1/iso20022", ID: "receiveMessage", Tag: tag, Summary: "Send an ISO 20022 message",
			Description: "An instruction (sese.023), which is the same as instructing a settlement, or a request to cancel one (sese.020). An instruction that was understood and is refused is answered 200 with a sese.024 that rejects it; nothing is kept of it. Other refusals are problems, as everywhere.",
			Body:        openapi.Text(""), BodyType: mediaXML, Answers: xml("A sese.024 of the settlement."), Problems: []int{http.StatusNotFound}}, serve: receiveMessage},
		get("/api/v1/reconciliation", "getReconciliation", tag, "Get the latest reconciliation and the breaks", "Breaks in the order in which they were found.", ok("The latest result and a page of breaks.", Reconciliations{}), getReconciliation, paged(
			openapi.Parameter{Name: "status", Enum: report.BreakStatuses()}, openapi.Parameter{Name: "symbol"})...),
		post("/api/v1/reconciliation/run", "runReconciliation", tag, "Reconcile now", "", NoFields{}, true, ok("The result.", view.Reconciliation{}), runReconciliation),
		get("/debug/state", "getState", "instance", "Get where the books are", "Two instances with the same hash have the same history.", ok("The place in the journal.", StateDigest{}), getState),
	}
}

func corporateOperations() []operation {
	const collection, single, tag = "/api/v1/corporate-actions", "/api/v1/corporate-actions/{corporate_action_id}", "corporate actions"
	return []operation{
		post(collection, "announceCorporateAction", tag, "Announce a corporate action", "", request.CorporateAction{}, false, created("The corporate action.", view.CorporateAction{}), announceCorporateAction),
		get(collection, "listCorporateActions", tag, "List corporate actions", "In the order of their ids.", ok("A page of corporate actions.", CorporateActions{}), listCorporateActions, paged()...),
		get(single, "getCorporateAction", tag, "Get a corporate action", "", ok("The corporate action.", view.CorporateAction{}), getCorporateAction),
		get(single+"/entitlements", "getEntitlements", tag, "Get what accounts get from a corporate action", "", ok("A part of the entitlements.", view.Entitlements{}), listEntitlements,
			openapi.Parameter{Name: "part", Type: 0, Description: "The part's number, from 1.", Example: 1}),
		post(single+"/cancel", "cancelCorporateAction", tag, "Cancel a corporate action", "Refused with 409 after the end of its record date.", NoFields{}, true, ok("The corporate action as it is now.", view.CorporateAction{}), cancelCorporateAction),
	}
}

func webhookOperations() []operation {
	const collection, single, tag = "/api/v1/webhooks", "/api/v1/webhooks/{webhook_id}", "webhooks"
	all := []operation{
		post(collection, "addWebhook", tag, "Add a webhook", "Events are posted to it, signed as Standard Webhooks describes. It is kept with the books, its secret included, and is there after a restart; a clone does not have it. Ids that are configured are refused with 409.", hook.Webhook{}, false, created("The webhook, with its secret.", view.Webhook{}), addWebhook),
		get(collection, "listWebhooks", tag, "List webhooks", "In the order of their ids.", ok("All webhooks.", WebhookList{}), listWebhooks),
		get(single, "getWebhook", tag, "Get a webhook", "", ok("The webhook.", view.Webhook{}), getWebhook),
		remove(single, "removeWebhook", tag, "Remove a webhook", "One that is configured is there again at the next start.", gone(), removeWebhook),
		post(single+"/resend", "resendWebhook", tag, "Send events again", "Returns at once.", hook.Resend{}, true, ok("The webhook as it is now.", view.Webhook{}), resendWebhook),
	}
	for i := range all {
		all[i].webhooks = true
	}
	return all
}
