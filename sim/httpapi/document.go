package httpapi

import (
	"net/http"
	"slices"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
)

// apiVersion is the version of the interface, which is not that of the program.
const apiVersion = "1.0.0"

// document is an OpenAPI document that instances of the process share. It is
// built when it is first asked for.
type document struct {
	once sync.Once
	text []byte
	err  error
}

// openDocument is that of instances which let in everybody, keyedDocument that of
// those which ask for a key.
var openDocument, keyedDocument document

func (d *document) build(keyed bool) {
	all := operations()
	described := make([]openapi.Operation, len(all))
	for i := range all {
		if keyed && !all[i].Open {
			all[i].needsKey()
		}
		described[i] = all[i].Operation
	}
	d.text, d.err = openapi.Build(openapi.Info{
		Title: "Custodian simulator", Version: apiVersion, APIKeys: keyed,
		Description: "Holds the assets of a trading firm and settles its trades, as a custodian does. " +
			"Decimals are strings (numbers are accepted), times RFC 3339 in UTC, errors RFC 9457 problems with a stable code. " +
			"While a fault rule has http_error, any operation but those of clock and faults may answer a problem with the code fault_injected and the status that the rule names.",
		Tags: []openapi.Tag{
			{Name: "settlements", Description: "Instructions and what becomes of them."},
			{Name: "positions", Description: "What accounts hold of assets other than cash."},
			{Name: "balances", Description: "The cash that accounts hold."},
			{Name: "accounts", Description: "The safekeeping accounts of clients."},
			{Name: "transfers", Description: "Payments and deliveries over rails."},
			{Name: "reports", Description: "Statements, ISO 20022 messages and reconciliation."},
			{Name: "corporate actions", Description: "Dividends, splits, coupons and redemptions."},
			{Name: "webhooks", Description: "Where events are posted to."},
			{Name: "clock", Description: "The instance's time."},
			{Name: "chaos", Description: "Faults on purpose."},
			{Name: "ledger", Description: "Double-entry postings and the events that carry them."},
			{Name: "instance", Description: "The instance itself."},
		},
		Schemas: descriptions,
		Parameters: map[string]string{
			"account_id":          "The account's id, as the caller chose it.",
			"balance_id":          "The balance's id.",
			"client_id":           "The client, as named when its accounts were opened.",
			"corporate_action_id": "The corporate action's id, as the caller chose it.",
			"currency":            "This currency alone.",
			"direction":           "Out of the house, or into it.",
			"external_id":         "The caller's own id, as it was given.",
			"position_id":         "The position's id.",
			"rail":                "This rail of the profile alone.",
			"rule_id":             "The fault rule's id.",
			"settlement_id":       "The settlement's id.",
			"settlement_type":     "This type alone.",
			"stage":               "In this stage alone.",
			"status":              "In this status alone.",
			"symbol":              "This asset or currency alone.",
			"transfer_id":         "The transfer's id.",
			"type":                "This type alone.",
			"webhook_id":          "The webhook's id, as the caller chose it.",
		},
	}, described)
}

// needsKey documents how requests without a key are refused.
func (o *operation) needsKey() {
	for _, status := range []int{http.StatusUnauthorized, http.StatusTooManyRequests} {
		if !slices.Contains(o.Problems, status) {
			o.Problems = append(o.Problems, status)
		}
	}
}

// Document returns the OpenAPI document of instances which let in everybody, or of
// those which ask for a key.
func Document(keyed bool) ([]byte, error) {
	d := &openDocument
	if keyed {
		d = &keyedDocument
	}
	d.once.Do(func() { d.build(keyed) })
	return slices.Clone(d.text), d.err
}

func getDocument(c *call) error {
	text, err := Document(c.keyed())
	if err != nil {
		return sim.Errorf(sim.CodeInternal, "building the OpenAPI document: %v", err)
	}
	c.out = append(c.out, text...)
	return c.send(200)
}
