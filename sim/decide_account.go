package sim

func (c OpenAccount) decide(d *decision) *Error {
	if err := checkAccountID("account_id", c.AccountID); err != nil {
		return err
	}
	if c.ClientID != "" {
		if err := checkText("client_id", c.ClientID, MaxIdentifier); err != nil {
			return err
		}
	}
	switch c.Type {
	case "", AccountMaster, AccountSegregated:
	default:
		return Invalid("account_type", "%s is not known; allowed: %s, %s", quote(string(c.Type)), AccountMaster, AccountSegregated)
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return err
	}
	if d.accounts[c.AccountID] != nil {
		return &Error{Code: CodeAlreadyExists, Field: "account_id", Message: "account " + quote(c.AccountID) + " exists already"}
	}
	if err := d.checkMaster(c); err != nil {
		return err
	}
	if err := d.checkAccountRoom(1); err != nil {
		return err
	}
	d.openAccount(c)
	return nil
}

func (d *decision) checkAccountRoom(more int) *Error {
	if len(d.accounts)+more > d.rules.MaxAccounts {
		return Errorf(CodeLimitReached, "this custodian holds its limit of %d accounts", d.rules.MaxAccounts)
	}
	return nil
}

func (d *decision) openAccount(c OpenAccount) {
	if c.ClientID == "" {
		c.ClientID = c.AccountID
	}
	if c.Type == "" {
		c.Type = AccountMaster
	}
	e := d.emit(EventAccountOpened)
	e.Accounts = []*Account{{
		AccountID: c.AccountID, ClientID: c.ClientID, Type: c.Type, Status: AccountActive,
		Metadata: c.Metadata, CreatedAt: d.now, UpdatedAt: d.now,
	}}
}

// checkParties checks that the named accounts are in use or may be opened.
func (d *decision) checkParties(fields, ids []string) *Error {
	for i, id := range ids {
		if a := d.accounts[id]; a != nil && a.Status != AccountActive {
			return d.checkUsable(fields[i], id)
		}
	}
	return d.checkKnown(fields, ids)
}

// checkKnown checks that the named accounts are there, whatever their status, or
// may be opened.
func (d *decision) checkKnown(fields, ids []string) *Error {
	unknown := 0
	for i, id := range ids {
		if err := checkAccountID(fields[i], id); err != nil {
			return err
		}
		if d.accounts[id] != nil {
			continue
		}
		if !d.rules.AutoOpen {
			return &Error{Code: CodeNotFound, Field: fields[i],
				Message: "account " + quote(id) + " does not exist; open it first (accounts.auto_open is off)"}
		}
		unknown++
	}
	if unknown == 0 {
		return nil
	}
	return d.checkAccountRoom(unknown)
}

// openParties opens those of the accounts that are named for the first time: as
// the master account of a client of the same name, or where that client has one
// already, as a segregated account.
func (d *decision) openParties(ids ...string) {
	for _, id := range ids {
		if d.accounts[id] == nil {
			c := OpenAccount{AccountID: id}
			if d.checkMaster(c) != nil {
				c.Type = AccountSegregated
			}
			d.openAccount(c)
		}
	}
}

func (c UpdateAccount) decide(d *decision) *Error {
	before := d.accounts[c.AccountID]
	if before == nil {
		return Errorf(CodeNotFound, "account %s does not exist", quote(c.AccountID))
	}
	if before.Status == AccountClosed {
		return Errorf(CodeWrongState, "account %s is %s, which is final", quote(c.AccountID), AccountClosed)
	}
	if err := d.checkStatus(before, c.Status); err != nil {
		return err
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return err
	}
	after := *before
	after.UpdatedAt = d.now
	if c.Status != "" {
		after.Status = c.Status
	}
	if c.Metadata != nil {
		after.Metadata = c.Metadata
	}
	d.emit(EventAccountUpdated).Accounts = []*Account{&after}
	if before.Status == AccountFrozen && after.Status == AccountActive {
		d.wakeTransfers(after.AccountID)
	}
	return nil
}
