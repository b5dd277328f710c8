package sim

// Reason codes of the ISO 20022 external code lists, as sese.024 reports them in
// the processing, matching, settlement and hold dimensions.
const (
	// Why an instruction is rejected.

	// ReasonAccount: the safekeeping account is not valid.
	ReasonAccount = "SAFE"
	// ReasonSecurity: the security is not valid, or differs from the counterparty's.
	ReasonSecurity = "DSEC"
	// ReasonQuantity: the quantity is not valid, or differs from the counterparty's.
	ReasonQuantity = "DQUA"
	// ReasonLate: received after the cut-off of its value date.
	ReasonLate = "LATE"
	// ReasonLink: the linked instruction is not known, or is final.
	ReasonLink = "ULNK"

	// Why its processing is pending.

	// ReasonDeadline: received after the deadline; processed from the next
	// business day on.
	ReasonDeadline = "ADEA"
	// ReasonBlocked: the account is blocked.
	ReasonBlocked = "BLOC"

	// Why it does not match.

	// ReasonMissing: the counterparty's instruction is missing.
	ReasonMissing = "CMIS"
	// ReasonAmount: the settlement amounts differ by more than is tolerated.
	ReasonAmount = "DMON"
	// ReasonCurrency: the settlement currencies differ.
	ReasonCurrency = "NCRR"
	// ReasonDate: the settlement dates differ.
	ReasonDate = "DDAT"
	// ReasonTradeDate: the trade dates differ.
	ReasonTradeDate = "DTRD"
	// ReasonDelivery: both deliver, both receive, or only one is against payment.
	ReasonDelivery = "DELN"
	// ReasonParty: the counterparty's instruction names another party.
	ReasonParty = "ICUS"

	// Why it does not settle.

	// ReasonFuture: the settlement date lies ahead.
	ReasonFuture = "FUTU"
	// ReasonLack: the deliverer lacks the securities; the receiver sees
	// ReasonCounterpartyLack.
	ReasonLack             = "LACK"
	ReasonCounterpartyLack = "CLAC"
	// ReasonMoney: the payer lacks the cash; the deliverer sees
	// ReasonCounterpartyMoney.
	ReasonMoney             = "MONY"
	ReasonCounterpartyMoney = "CMON"
	// ReasonLinked: awaits a linked instruction.
	ReasonLinked = "LINK"
	// ReasonFrozen: an account is frozen.
	ReasonFrozen = "FROZ"
	// ReasonPartial: a part has settled and the rest is open; ReasonPartialFinal:
	// the rest will not settle any more.
	ReasonPartial      = "PAIN"
	ReasonPartialFinal = "PARC"
	// ReasonCounterpartyLate: the counterparty instructed late, or not at all.
	ReasonCounterpartyLate = "CLAT"
	// ReasonOther: see the reason's text.
	ReasonOther = "NARR"

	// Why it is held.

	// ReasonHeldOwn: held by the account owner's preadvice, and
	// ReasonHeldCounterparty by the counterparty's.
	ReasonHeldOwn          = "PREA"
	ReasonHeldCounterparty = "PRCY"
	// ReasonHeldBoth: held by both sides.
	ReasonHeldBoth = "BOTH"
	// ReasonHeldDepository: held by the depository.
	ReasonHeldDepository = "CSDH"

	// Why it is cancelled, or is not.

	// ReasonCancelledByOwner: cancelled as the account owner instructed.
	ReasonCancelledByOwner = "CANI"
	// ReasonCancelledBySystem: given up at the end of retention.
	ReasonCancelledBySystem = "CANS"
	// ReasonCorporateAction: cancelled because of a corporate action.
	ReasonCorporateAction = "CORP"
	// ReasonCancelPending: the counterparty has not consented to the
	// cancellation yet, and ReasonCancelDone: it has.
	ReasonCancelPending = "CANP"
	ReasonCancelDone    = "CAND"
	// ReasonDeniedSettled: not cancelled, because it has settled, and
	// ReasonDeniedProgress: because settlement is in progress.
	ReasonDeniedSettled  = "DSET"
	ReasonDeniedProgress = "DPRG"
)
