package report

import (
	"context"
	"errors"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

// Instructions is what received messages are looked up in; the engine has it.
type Instructions interface {
	Account(ctx context.Context, id string) (*sim.Account, error)
	ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error)
}

// Receive returns the command that an ISO 20022 message means: an instruction
// (sese.023) or a request to cancel one (sese.020). Errors are [sim.Error]
// values that name the element at fault.
func Receive(ctx context.Context, in Instructions, data []byte) (sim.Command, error) {
	message, err := iso20022.Parse(data)
	if e, ok := errors.AsType[*iso20022.Error](err); ok {
		return nil, &sim.Error{Code: sim.CodeInvalid, Field: e.Path, Message: e.Message}
	}
	if err != nil {
		return nil, err
	}
	switch m := message.(type) {
	case *iso20022.Instruction:
		return instruct(ctx, in, m)
	case *iso20022.CancellationRequest:
		return cancel(ctx, in, m)
	default:
		return nil, sim.Errorf(sim.CodeInvalid, "the message is neither an instruction (sese.023) nor a request to cancel one (sese.020)")
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
			return nil, sim.Invalid("Lnkgs", "must name the other instruction by its owner's reference (Ref/SctiesSttlmTxId)")
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
