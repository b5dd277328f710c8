package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

const metricsPath = "/metrics"

// operations returns everything that the face serves.
func operations() []operation {
	var all []operation
	all = append(all, instanceOperations()...)
	all = append(all, accountOperations()...)
	all = append(all, holdingOperations(positions, OpenPosition{}, UpdatePosition{}, LockPosition{}, view.Position{}, Positions{})...)
	all = append(all, holdingOperations(balances, OpenBalance{}, UpdateBalance{}, LockBalance{}, view.Balance{}, Balances{})...)
	all = append(all, settlementOperations()...)
	all = append(all, transferOperations()...)
	all = append(all, clientOperations()...)
	all = append(all, ledgerOperations()...)
	all = append(all, reportOperations()...)
	all = append(all, corporateOperations()...)
	all = append(all, webhookOperations()...)
	all = append(all, clockOperations()...)
	all = append(all, chaosOperations()...)
	for i := range all {
		describe(&all[i])
	}
	return all
}

// describe adds to an operation what follows from the rest of it: headers, and
// the problems that it may answer with.
func describe(o *operation) {
	problems := []int{}
	o.Open = o.Path == healthPath || o.Path == readyPath
	if !o.Open {
		problems = append(problems, http.StatusForbidden)
	}
	if !o.exempt {
		problems = append(problems, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
			http.StatusInternalServerError, http.StatusServiceUnavailable)
	}
	if o.Method != http.MethodGet {
		o.Headers = append(o.Headers, openapi.Parameter{Name: headerKey,
			Description: "Makes the request safe to repeat: the same key and request get the same answer, another request with the key is refused."})
		if !slices.Contains(o.Problems, http.StatusConflict) {
			problems = append(problems, http.StatusConflict)
		}
		for i := range o.Answers {
			if o.Answers[i].Headers == nil {
				o.Answers[i].Headers = map[string]string{}
			}
			o.Answers[i].Headers[headerReplayed] = "true where the answer is that of an earlier request with the same key."
		}
	}
	if o.Body != nil {
		problems = append(problems, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	o.Problems = append(o.Problems, problems...)
}

var (
	limitParameter  = openapi.Parameter{Name: "limit", Type: 0, Description: "How many records a page has at most; 100 by default.", Example: 100}
	cursorParameter = openapi.Parameter{Name: "cursor", Description: "Where the page begins: the next_cursor of the page before."}
)

// paged returns the parameters of a list.
func paged(filters ...openapi.Parameter) []openapi.Parameter {
	return append(filters, limitParameter, cursorParameter)
}

func ok(description string, body any) []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusOK, Description: description, Body: body}}
}

func created(description string, body any) []openapi.Answer {
	return []openapi.Answer{{Status: http.StatusCreated, Description: description, Body: body,
		Headers: map[string]string{"Location": "The path of what was created."}}}
}

func instanceOperations() []operation {
	return []operation{
		{Operation: openapi.Operation{Method: http.MethodGet, Path: healthPath, ID: "getHealth", Tag: "instance",
			Summary: "Health", Description: "Answers 200 for as long as the process can answer, and says how the instance's parts are.",
			Answers: ok("The process answers.", Health{})}, serve: getHealth, exempt: true},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: readyPath, ID: "getReady", Tag: "instance",
			Summary: "Readiness", Description: "Answers 200 while requests are taken: ready, or degraded where a part is away that is not needed to settle.",
			Answers: append(ok("Requests are taken.", Health{}), openapi.Answer{Status: http.StatusServiceUnavailable, Description: "Requests are refused.", Body: Health{}})},
			serve: getReady, exempt: true},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: metricsPath, ID: "getMetrics", Tag: "instance",
			Summary: "Metrics", Description: "The instance's own metrics in the Prometheus text format.",
			Answers: []openapi.Answer{{Status: http.StatusOK, Description: "The metrics.", MediaType: "text/plain"}}},
			serve: func(c *call) error { c.Metrics.ServeHTTP(c.w, c.r); return nil }, exempt: true},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/openapi.json", ID: "getDocument", Tag: "instance",
			Summary: "This document", Answers: ok("The OpenAPI document.", openapi.Object{})}, serve: getDocument, exempt: true},
	}
}

func accountOperations() []operation {
	return []operation{
		{Operation: openapi.Operation{Method: http.MethodPost, Path: "/api/v1/accounts", ID: "openAccount", Tag: "accounts",
			Summary: "Open an account", Body: OpenAccount{}, Answers: created("The account.", view.Account{})}, serve: openAccount},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/api/v1/accounts", ID: "listAccounts", Tag: "accounts",
			Summary: "List accounts", Description: "In the order of their ids.",
			Query:   paged(openapi.Parameter{Name: "client_id"}, openapi.Parameter{Name: "type", Enum: accountTypes}),
			Answers: ok("A page of accounts.", Accounts{})}, serve: listAccounts},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/api/v1/accounts/{account_id}", ID: "getAccount", Tag: "accounts",
			Summary: "Get an account", Answers: ok("The account.", view.Account{}), Problems: []int{http.StatusNotFound}}, serve: getAccount},
		{Operation: openapi.Operation{Method: http.MethodPatch, Path: "/api/v1/accounts/{account_id}", ID: "updateAccount", Tag: "accounts",
			Summary: "Change an account's status or metadata", Body: UpdateAccount{},
			Answers: ok("The account as it is now.", view.Account{}), Problems: []int{http.StatusNotFound}}, serve: updateAccount},
	}
}

func holdingOperations(k *holdingKind, open, update, lock, one, page any) []operation {
	collection := "/api/v1/" + k.plural
	single := collection + "/{" + k.id + "}"
	noun, title := k.noun, strings.ToUpper(k.noun[:1])+k.noun[1:]
	unknown := []int{http.StatusNotFound}
	return []operation{
		{Operation: openapi.Operation{Method: http.MethodPost, Path: collection, ID: "open" + title, Tag: k.plural, Summary: "Open a " + noun,
			Description: "An account that is named for the first time is opened with it. A second " + noun + " of the same account in the same " + k.symbol + " is refused with 409.",
			Body:        open, Answers: created("The "+noun+".", one), Problems: unknown}, serve: k.openHolding},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: collection, ID: "list" + title + "s", Tag: k.plural,
			Summary: "List " + k.plural, Description: "In the order in which they were opened.",
			Query:   paged(openapi.Parameter{Name: "account_id"}, openapi.Parameter{Name: k.symbol}),
			Answers: ok("A page of "+k.plural+".", page)}, serve: k.listHoldings},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: single, ID: "get" + title, Tag: k.plural,
			Summary: "Get a " + noun, Answers: ok("The "+noun+".", one), Problems: unknown}, serve: k.getHolding},
		{Operation: openapi.Operation{Method: http.MethodPatch, Path: single, ID: "update" + title, Tag: k.plural, Summary: "Change a " + noun,
			Body: update, Answers: ok("The "+noun+" as it is now.", one), Problems: unknown}, serve: k.updateHolding},
		{Operation: openapi.Operation{Method: http.MethodDelete, Path: single, ID: "close" + title, Tag: k.plural, Summary: "Delete a " + noun,
			Description: "What is available leaves the house; refused with 409 while something is locked.",
			Answers:     []openapi.Answer{{Status: http.StatusNoContent, Description: "It is gone."}}, Problems: unknown}, serve: k.closeHolding},
		{Operation: openapi.Operation{Method: http.MethodPost, Path: single + "/lock", ID: "lock" + title, Tag: k.plural, Summary: "Lock a part of a " + noun,
			Description: "Moves an amount from available to locked.",
			Body:        lock, Answers: ok("The "+noun+" as it is now.", one), Problems: unknown}, serve: k.lockHolding},
		{Operation: openapi.Operation{Method: http.MethodPost, Path: single + "/unlock", ID: "unlock" + title, Tag: k.plural, Summary: "Unlock a part of a " + noun,
			Description: "Moves an amount from locked to available.",
			Body:        lock, Answers: ok("The "+noun+" as it is now.", one), Problems: unknown}, serve: k.unlockHolding},
	}
}

func settlementOperations() []operation {
	const collection = "/api/v1/settlements"
	const single = collection + "/{settlement_id}"
	unknown := []int{http.StatusNotFound}
	change := func(verb, summary, description string, serve func(*call) error) operation {
		return operation{Operation: openapi.Operation{Method: http.MethodPost, Path: single + "/" + verb, ID: verb + "Settlement", Tag: "settlements",
			Summary: summary, Description: description, Body: NoFields{}, BodyOptional: true,
			Answers: ok("The settlement as it is now.", view.Settlement{}), Problems: unknown}, serve: serve}
	}
	instruct := func(path, id string) operation {
		return operation{Operation: openapi.Operation{Method: http.MethodPost, Path: path, ID: id, Tag: "settlements", Summary: "Instruct a settlement",
			Description: "A well-formed instruction is recorded whatever becomes of it: one that lacks holdings is answered 201 with the status FAILED and the reason LACK, or MONY for cash.",
			Body:        Instruction{}, Answers: created("The settlement.", view.Settlement{}), Problems: unknown}, serve: createSettlement}
	}
	return []operation{
		instruct(collection, "createSettlement"),
		instruct(collection+"/initiate", "initiateSettlement"),
		{Operation: openapi.Operation{Method: http.MethodPost, Path: collection + "/bulk", ID: "createSettlements", Tag: "settlements", Summary: "Instruct many settlements",
			Description: "They are handled in their order, each on its own: one's refusal leaves the others alone. An idempotency key covers each of them by its place.",
			Body:        BulkInstructions{}, Answers: ok("What became of each.", BulkResults{})}, serve: createSettlements},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: collection, ID: "listSettlements", Tag: "settlements",
			Summary: "List settlements", Description: "In the order in which they were instructed.",
			Query: paged(
				openapi.Parameter{Name: "account_id", Description: "The instructing account, the source or the destination."},
				openapi.Parameter{Name: "symbol"},
				openapi.Parameter{Name: "settlement_type", Enum: sim.SettlementTypes()},
				openapi.Parameter{Name: "status", Enum: sim.SettlementStatuses()},
				openapi.Parameter{Name: "external_id"},
				openapi.Parameter{Name: "from", Description: "Initiated at this RFC 3339 time or later."},
				openapi.Parameter{Name: "until", Description: "Initiated before this RFC 3339 time."}),
			Answers: ok("A page of settlements.", Settlements{})}, serve: listSettlements},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: single, ID: "getSettlement", Tag: "settlements",
			Summary: "Get a settlement", Answers: ok("The settlement.", view.Settlement{}), Problems: unknown}, serve: getSettlement},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: single + "/status", ID: "getSettlementStatus", Tag: "settlements",
			Summary: "Get how far a settlement is", Answers: ok("How far it is.", view.SettlementStatus{}), Problems: unknown}, serve: getSettlementStatus},
		change("cancel", "Cancel a settlement", "Refused with 409 once it is final. One that is matched is cancelled when both sides have asked.", cancelSettlement),
		change("hold", "Hold a settlement", "Refused with 409 once it is final, or while it is held.", holdSettlement),
		change("release", "Release a held settlement", "It then settles, or fails for want of holdings.", releaseSettlement),
		post(single+"/reverse", "reverseSettlement", "settlements", "Reverse a settlement", "Records the opposite settlement of one that has settled, which must itself have the holdings. A settlement is reversed at most once.",
			request.Reversal{}, true, created("The settlement that reverses it.", view.Settlement{}), reverseSettlement),
	}
}

func ledgerOperations() []operation {
	return []operation{
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/api/v1/ledger/entries", ID: "listEntries", Tag: "ledger",
			Summary: "List ledger entries", Description: "In the order in which they were posted.",
			Query: paged(
				openapi.Parameter{Name: "account_id", Description: "The account on either side."},
				openapi.Parameter{Name: "symbol"},
				openapi.Parameter{Name: "settlement_id"},
				openapi.Parameter{Name: "after", Type: uint64(0), Description: "Entries of events behind this sequence number."}),
			Answers: ok("A page of entries.", Entries{})}, serve: listEntries},
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/api/v1/events", ID: "listEvents", Tag: "ledger",
			Summary: "List or follow events",
			Description: "With Accept: text/event-stream the events come as server-sent events, first those that are there, then each as it happens. " +
				"Their ids are the sequence numbers; the header Last-Event-ID resumes behind one.",
			Query:   paged(openapi.Parameter{Name: "after", Type: uint64(0), Description: "Events behind this sequence number; 0 is the beginning."}),
			Headers: []openapi.Parameter{{Name: "Last-Event-ID", Type: uint64(0), Description: "Where a stream resumes; stands above after."}},
			Answers: append(ok("A page of events, or a stream.", Events{}), openapi.Answer{Status: http.StatusOK, MediaType: sse.MediaType})},
			serve: listEvents, streams: true},
	}
}
