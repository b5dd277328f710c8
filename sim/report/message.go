package report

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

// Instructions is what received messages are looked up in; the engine has it.
type Instructions interface {
	Account(ctx context.Context, id string) (*sim.Account, error)
	ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error)
}

// Received is an ISO 20022 message that was understood.
type Received struct {
	// Command is what it means: nil where it was understood, but cannot be a
	// command, for which refusal says why.
	Command sim.Command
	refusal error
	// instruction is the owner's reference of an instruction; empty for a request
	// to cancel one.
	instruction string
}

// Receive returns the command that an ISO 20022 message means: an instruction
// (sese.023) or a request to cancel one (sese.020). Errors are [sim.Error]
// values that name the element at fault.
func Receive(ctx context.Context, in Instructions, data []byte) (*Received, error) {
	message, err := iso20022.Parse(data)
	if e, ok := errors.AsType[*iso20022.Error](err); ok {
		return nil, &sim.Error{Code: sim.CodeInvalid, Field: e.Path, Message: e.Message}
	}
	if err != nil {
		return nil, err
	}
	switch m := message.(type) {
	case *iso20022.Instruction:
		r := &Received{instruction: m.Reference}
		r.Command, r.refusal = instruct(ctx, in, m)
		return r, nil
	case *iso20022.CancellationRequest:
		c, err := cancel(ctx, in, m)
		if err != nil {
			return nil, err
		}
		return &Received{Command: c}, nil
	default:
		return nil, sim.Errorf(sim.CodeInvalid, "the message is neither an instruction (sese.023) nor a request to cancel one (sese.020)")
	}
}

// Answer carries the message out with do and returns the sese.024 that answers it.
// An instruction that the custodian refuses is answered by one, too: rejected, with
// the reason and without a reference of the custodian's, because nothing is kept of
// it. The errors are those of do that are no such refusal: a request to cancel that
// is refused, and what may go well another time.
func (r *Received) Answer(assets *asset.Registry, do func(sim.Command) (*sim.Settlement, error)) ([]byte, error) {
	var s *sim.Settlement
	err := r.refusal
	if err == nil {
		s, err = do(r.Command)
	}
	if err != nil {
		return r.refused(err)
	}
	// What is done is done: that its details have no room in the message is no
	// reason to answer as if it were not.
	if content, err := StatusAdvice(s, assets); err == nil {
		return content, nil
	}
	return ShortAdvice(s)
}

func (r *Received) refused(err error) ([]byte, error) {
	e, ok := errors.AsType[*sim.Error](err)
	if !ok || r.instruction == "" || e.RetryAfter != 0 {
		return nil, err
	}
	code := "OTHR"
	switch e.Code {
	case sim.CodeAlreadyExists:
		code = "REFE"
	case sim.CodeInvalid, sim.CodeNotFound:
		code = rejectionCode(e.Field)
	case sim.CodeInsufficientHoldings, sim.CodeWrongState:
	default:
		return nil, err
	}
	advice := iso20022.StatusAdvice{Reference: r.instruction, Processing: &iso20022.Status{
		Kind: iso20022.ProcessingRejected, Reasons: []iso20022.StatusReason{{Code: code, Text: clip(printable(e.Error()), 210)}},
	}}
	out, unsaid := advice.XML()
	if unsaid != nil {
		return nil, err
	}
	return out, nil
}

// printable replaces what XML cannot carry.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// rejectionCode returns the ISO 20022 code of a rejection for the sake of a field.
func rejectionCode(field string) string {
	field, _, _ = strings.Cut(field, "[")
	switch field {
	case "account_id":
		return "SAFE"
	case "symbol":
		return "DSEC"
	case "quantity":
		return "DQUA"
	case "payment", "payment.amount":
		return "DMON"
	case "payment.currency":
		return "NCRR"
	case "settlement_date":
		return "DDAT"
	case "trade_date":
		return "DTRD"
	case "counterparty_account":
		return "ICUS"
	case "counterparty", "counterparty.bic", "counterparty.name":
		return "ICAG"
	case "links":
		return "ULNK"
	default:
		return "OTHR"
	}
}

func instruct(ctx context.Context, in Instructions, m *iso20022.Instruction) (sim.Command, error) {
	c := sim.Instruct{
		AccountID: m.AccountID, Symbol: m.Instrument.Symbol, Quantity: m.Quantity.Value, ExternalID: m.Reference,
		SettlementDate: m.SettlementDate.String(), Hold: m.Hold, Partial: sim.PartialIndicator(m.Partial),
	}
	if c.Symbol == "" {
		c.Symbol = m.Instrument.ISIN
	}
	if !m.TradeDate.IsZero() {
		c.TradeDate = m.TradeDate.String()
	}
	deliver, against := m.Movement == iso20022.Deliver, m.Payment == iso20022.AgainstPayment
	switch {
	case deliver && against:
		c.Type = sim.DVP
	case against:
		c.Type = sim.RVP
	case deliver:
		c.Type = sim.DFP
	default:
		c.Type = sim.RFP
	}
	if against && m.Amount != nil {
		c.Payment = sim.Cash{Currency: m.Amount.Currency, Amount: m.Amount.Value}
	}
	others := m.Delivering
	if deliver {
		others = m.Receiving
	}
	for _, l := range m.Links {
		if l.Reference == "" {
			return nil, sim.Invalid("links", "must name the other instruction by its owner's reference (Ref/SctiesSttlmTxId)")
		}
		c.Links = append(c.Links, sim.Link{Type: sim.LinkType(l.Position), ExternalID: l.Reference})
	}
	return c, counterparty(ctx, in, &c, others)
}

// counterparty takes the other side from its chain of parties: an account of
// this house where one is named, else the party that is nearest to it.
func counterparty(ctx context.Context, in Instructions, c *sim.Instruct, others *iso20022.Parties) error {
	if others == nil {
		return nil
	}
	for _, p := range []iso20022.Party{others.Party2, others.Party1} {
		if p.AccountID == "" {
			continue
		}
		switch _, err := in.Account(ctx, p.AccountID); {
		case err == nil:
			c.CounterpartyAccount, c.Counterparty = p.AccountID, sim.Party{}
			return nil
		case sim.CodeOf(err) != sim.CodeNotFound:
			return err
		}
	}
	for _, p := range []iso20022.Party{others.Party1, others.Party2, others.Depository} {
		name := p.Name
		if name == "" {
			name = p.ProprietaryID
		}
		if p.BIC != "" || name != "" {
			c.Counterparty = sim.Party{Name: name, BIC: p.BIC}
			return nil
		}
	}
	return nil
}

func cancel(ctx context.Context, in Instructions, m *iso20022.CancellationRequest) (sim.Command, error) {
	found, err := in.ListSettlements(ctx, sim.SettlementFilter{ExternalID: m.Reference}, sim.Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || m.AccountID != "" && found[0].AccountID != m.AccountID {
		return nil, sim.Errorf(sim.CodeNotFound, "there is no instruction with the reference %q", m.Reference)
	}
	return sim.CancelSettlement{ID: found[0].ID}, nil
}
