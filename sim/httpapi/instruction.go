package httpapi

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

var (
	instructionFields  = strictjson.FieldsOf(Instruction{})
	paymentFields      = strictjson.FieldsOf(Payment{})
	counterpartyFields = strictjson.FieldsOf(Counterparty{})
	linkFields         = strictjson.FieldsOf(InstructionLink{})
	settlementTypes    = sim.SettlementTypes()
	partialIndicators  = sim.PartialIndicators()
	linkTypes          = sim.LinkTypes()
)

// readInstruction reads the JSON object of an instruction.
func readInstruction(data []byte) (sim.Instruct, error) {
	var command sim.Instruct
	_, err := strictjson.Object(data, instructionFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "settlement_type":
			var text string
			text, err = v.OneOf(settlementTypes)
			command.Type = sim.SettlementType(text)
		case "account_id":
			command.AccountID, err = v.Text()
		case "symbol":
			command.Symbol, err = v.Text()
		case "quantity":
			command.Quantity, err = v.Amount()
		case "external_id":
			command.ExternalID, err = v.Text()
		case "source_account":
			command.SourceAccount, err = v.Text()
		case "destination_account":
			command.DestinationAccount, err = v.Text()
		case "settlement_date":
			command.SettlementDate, err = v.Text()
		case "hold":
			command.Hold, err = v.Bool()
		case "metadata":
			command.Metadata, err = v.Object()
		default:
			err = readTerm(&command, name, v)
		}
		return err
	})
	return command, err
}

// readTerm reads what only some instructions say.
func readTerm(command *sim.Instruct, name string, v strictjson.Value) (err error) {
	switch name {
	case "payment":
		err = v.Members(paymentFields, func(name string, v strictjson.Value) (err error) {
			switch name {
			case "currency":
				command.Payment.Currency, err = v.Text()
			case "amount":
				command.Payment.Amount, err = v.Amount()
			}
			return err
		})
		if err == nil && command.Payment.Currency == "" {
			err = sim.Invalid("payment.currency", "is required")
		}
	case "counterparty_account":
		command.CounterpartyAccount, err = v.Text()
	case "counterparty":
		err = v.Members(counterpartyFields, func(name string, v strictjson.Value) (err error) {
			switch name {
			case "name":
				command.Counterparty.Name, err = v.Text()
			case "bic":
				command.Counterparty.BIC, err = v.Text()
			}
			return err
		})
	case "trade_date":
		command.TradeDate, err = v.Text()
	case "rail":
		command.Rail, err = v.Text()
	case "partial":
		var text string
		text, err = v.OneOf(partialIndicators)
		command.Partial = sim.PartialIndicator(text)
	case "min_quantity":
		command.MinQuantity, err = v.Amount()
	case "links":
		err = v.Array(func(i int, element []byte) error { return readLink(command, i, element) })
	}
	return err
}

func readLink(command *sim.Instruct, i int, element []byte) error {
	if i == sim.MaxLinks {
		return sim.Invalid("links", "must have at most %d links", sim.MaxLinks)
	}
	var link sim.Link
	err := strictjson.Element(fmt.Sprintf("links[%d]", i), element).Members(linkFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "type":
			var text string
			text, err = v.OneOf(linkTypes)
			link.Type = sim.LinkType(text)
		case "external_id":
			link.ExternalID, err = v.Text()
		}
		return err
	})
	command.Links = append(command.Links, link)
	return err
}
