package sim

import "google.golang.org/protobuf/encoding/protowire"

func (t *Terms) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		t.Payment.Currency = string(v.data)
	case 2:
		return v.amount(&t.Payment.Amount)
	case 3:
		t.CounterpartyAccount = string(v.data)
	case 4:
		t.Counterparty.Name = string(v.data)
	case 5:
		t.Counterparty.BIC = string(v.data)
	case 6:
		t.TradeDate = string(v.data)
	case 7:
		t.Rail = string(v.data)
	case 8:
		t.Partial = PartialIndicator(v.data)
	case 9:
		return v.amount(&t.MinQuantity)
	case 10:
		var l Link
		err := fields(v.data, l.decode)
		t.Links = append(t.Links, l)
		return err
	case 11:
		return v.id(&t.ReversalOf)
	}
	return nil
}

func (l *Link) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		l.Type = LinkType(v.data)
	case 2:
		l.ExternalID = string(v.data)
	}
	return nil
}

func (b *Beneficiary) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		b.Name = string(v.data)
	case 2:
		b.Account = string(v.data)
	case 3:
		b.Bank = string(v.data)
	case 4:
		b.Address = string(v.data)
	case 5:
		b.Network = string(v.data)
	}
	return nil
}

func (a *Approval) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		a.By = string(v.data)
	case 2:
		a.At = v.time()
	case 3:
		a.Decision = ApprovalDecision(v.data)
	}
	return nil
}

func (t *Transfer) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		return v.id(&t.ID)
	case 2:
		t.ExternalID = string(v.data)
	case 3:
		t.Rail = string(v.data)
	case 4:
		t.Direction = Direction(v.data)
	case 5:
		t.AccountID = string(v.data)
	case 6:
		t.Symbol = string(v.data)
	case 7:
		return v.amount(&t.Quantity)
	case 8:
		return fields(v.data, t.Beneficiary.decode)
	case 9:
		t.RequestedBy = string(v.data)
	case 10:
		t.Status = SettlementStatus(v.data)
	case 11:
		t.Stage = TransferStage(v.data)
	case 12:
		t.ReasonCode = string(v.data)
	case 13:
		t.Reason = string(v.data)
	case 14:
		var step Transition
		err := fields(v.data, step.decode)
		t.History = append(t.History, step)
		return err
	case 15:
		t.ApprovalsRequired = int(v.number)
	case 16:
		var a Approval
		err := fields(v.data, a.decode)
		t.Approvals = append(t.Approvals, a)
		return err
	case 17:
		t.Confirmations = int(v.number)
	case 18:
		t.ConfirmationsRequired = int(v.number)
	case 19:
		return v.amount(&t.Fee)
	case 20:
		return v.amount(&t.MaxFee)
	case 21:
		return v.amount(&t.Reserved)
	case 22:
		return v.amount(&t.Transit)
	case 23:
		return v.amount(&t.PendingIn)
	case 24:
		t.ValueDate = string(v.data)
	case 25:
		t.InitiatedAt = v.time()
	case 26:
		t.CompletedAt = v.time()
	case 27:
		t.ExpectedCompletion = v.time()
	case 28:
		t.Metadata = v.data
	case 29:
		t.DueAt = v.time()
	case 30:
		t.ReturnDue = v.number != 0
	case 31:
		t.CreditAccount = string(v.data)
	case 32:
		t.ExpiresAt = v.time()
	case 33:
		t.Reorgs = int(v.number)
	case 34:
		return v.amount(&t.Shortfall)
	}
	return nil
}

func (v *Document) decode(field protowire.Number, from value) error {
	switch field {
	case 1:
		v.Kind = DocumentKind(from.data)
	case 2:
		v.ID = string(from.data)
	case 3:
		v.Body = from.data
	case 4:
		v.DueAt = from.time()
	case 5:
		v.UpdatedAt = from.time()
	case 6:
		v.Removed = from.number != 0
	}
	return nil
}

func (c *Course) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		return v.amount(&c.UnderWay)
	case 2:
		c.ReadyAt = v.time()
	case 3:
		c.CutOffAt = v.time()
	case 4:
		c.LinksDone = uint32(v.number)
	}
	return nil
}
