package sim_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestAccountsOpenWithDefaultsForWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	plain := b.accept(sim.OpenAccount{AccountID: "fund-a"}).Account
	if plain.ClientID != "fund-a" || plain.Type != sim.AccountMaster || plain.Status != sim.AccountActive || !plain.CreatedAt.Equal(b.now) || !plain.UpdatedAt.Equal(b.now) {
		t.Errorf("account is %+v", plain)
	}
	full := b.accept(sim.OpenAccount{AccountID: "Fonds Ä", ClientID: "client-1", Type: sim.AccountSegregated, Metadata: []byte(`{"a":1}`)}).Account
	if full.ClientID != "client-1" || full.Type != sim.AccountSegregated || string(full.Metadata) != `{"a":1}` {
		t.Errorf("account is %+v", full)
	}
	if b.state.Account("fund-a") != plain || b.state.Account("fund-b") != nil {
		t.Error("the state knows other accounts than were opened")
	}
	wantEvents(t, b.open, sim.EventAccountOpened, sim.EventAccountOpened)
}

func TestUpdatingAnAccountChangesItsMetadataAlone(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	before := b.accept(sim.OpenAccount{AccountID: "fund-a", ClientID: "c", Type: sim.AccountSegregated, Metadata: []byte(`{"a":1}`)}).Account
	after := b.accept(sim.UpdateAccount{AccountID: "fund-a", Metadata: []byte(`{"b":2}`)}).Account
	if string(before.Metadata) != `{"a":1}` {
		t.Error("the record before was changed in place")
	}
	want := *before
	want.Metadata, want.UpdatedAt = []byte(`{"b":2}`), b.now
	if !bytes.Equal(after.AppendCanonical(nil), want.AppendCanonical(nil)) {
		t.Errorf("account is %+v, want %+v", after, want)
	}
	if kept := b.accept(sim.UpdateAccount{AccountID: "fund-a"}).Account; string(kept.Metadata) != `{"b":2}` {
		t.Errorf("an update without metadata left %s", kept.Metadata)
	}
	if cleared := b.accept(sim.UpdateAccount{AccountID: "fund-a", Metadata: []byte{}}).Account; len(cleared.Metadata) != 0 {
		t.Errorf("an update with empty metadata left %s", cleared.Metadata)
	}
}

func TestAccountCommandsAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", sim.MaxIdentifier)
	checkRefusals(t, func(b *books) { b.accept(sim.OpenAccount{AccountID: "fund-a"}) }, []refusal{
		{"no id", sim.OpenAccount{}, sim.CodeInvalid, "account_id"},
		{"id too long", sim.OpenAccount{AccountID: long + "x"}, sim.CodeInvalid, "account_id"},
		{"id begins with a blank", sim.OpenAccount{AccountID: " a"}, sim.CodeInvalid, "account_id"},
		{"id with a line break", sim.OpenAccount{AccountID: "a\nb"}, sim.CodeInvalid, "account_id"},
		{"id with a null byte", sim.OpenAccount{AccountID: "a\x00"}, sim.CodeInvalid, "account_id"},
		{"id in no encoding", sim.OpenAccount{AccountID: "a\xff"}, sim.CodeInvalid, "account_id"},
		{"id of a mirror account", sim.OpenAccount{AccountID: sim.Nostro}, sim.CodeInvalid, "account_id"},
		{"id of the other mirror account", sim.OpenAccount{AccountID: sim.Depository}, sim.CodeInvalid, "account_id"},
		{"client id too long", sim.OpenAccount{AccountID: "b", ClientID: long + "x"}, sim.CodeInvalid, "client_id"},
		{"unknown type", sim.OpenAccount{AccountID: "b", Type: "OTHER"}, sim.CodeInvalid, "account_type"},
		{"metadata too large", sim.OpenAccount{AccountID: "b", Metadata: make([]byte, sim.MaxMetadataBytes+1)}, sim.CodeInvalid, "metadata"},
		{"open already", sim.OpenAccount{AccountID: "fund-a"}, sim.CodeAlreadyExists, "account_id"},
		{"update of an unknown one", sim.UpdateAccount{AccountID: "b"}, sim.CodeNotFound, ""},
		{"update with metadata too large", sim.UpdateAccount{AccountID: "fund-a", Metadata: make([]byte, sim.MaxMetadataBytes+1)}, sim.CodeInvalid, "metadata"},
	})
	b := newBooks(t)
	b.accept(sim.OpenAccount{AccountID: long, ClientID: long, Metadata: make([]byte, sim.MaxMetadataBytes)}) // the bounds themselves are fine
}

func TestAccountsThatAreNamedForTheFirstTimeAreOpened(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.OpenHolding{Cash: true, AccountID: "fund-a", Symbol: "USD"})
	b.deposit("fund-b", "BTC", "1")
	b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "fund-c", DestinationAccount: "fund-d", Symbol: "BTC", Quantity: amount("1")})
	for _, id := range []string{"fund-a", "fund-b", "fund-c", "fund-d"} {
		if a := b.state.Account(id); a == nil || a.ClientID != id || a.Type != sim.AccountMaster {
			t.Errorf("account %s is %+v", id, a)
		}
	}
	wantEvents(t, b.open, sim.EventAccountOpened, sim.EventBalanceOpened, sim.EventAccountOpened, sim.EventSettlementCompleted,
		sim.EventAccountOpened, sim.EventAccountOpened, sim.EventSettlementFailed)
}

func TestUnknownAccountsAreRefusedWhereTheyMustBeOpenedFirst(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.AutoOpen = false
	b := newBooksWith(t, rules)
	b.accept(sim.OpenAccount{AccountID: "known"})
	for field, c := range map[string]sim.Command{
		"account_id":          sim.OpenHolding{AccountID: "a", Symbol: "BTC"},
		"source_account":      sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "known", Symbol: "BTC", Quantity: amount("1")},
		"destination_account": sim.Instruct{Type: sim.Internal, SourceAccount: "known", DestinationAccount: "a", Symbol: "BTC", Quantity: amount("1")},
	} {
		if err := b.refuse(c); err.Code != sim.CodeNotFound || err.Field != field {
			t.Errorf("refused with %s on %q, want %s on %q", err.Code, err.Field, sim.CodeNotFound, field)
		}
	}
}

func TestAccountsAreBounded(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.MaxAccounts = 2
	b := newBooksWith(t, rules)
	transfer := sim.Instruct{Type: sim.Internal, SourceAccount: "b", DestinationAccount: "c", Symbol: "BTC", Quantity: amount("1")}
	b.accept(sim.OpenAccount{AccountID: "a"})
	if err := b.refuse(transfer); err.Code != sim.CodeLimitReached {
		t.Errorf("two accounts more: %v", err)
	}
	b.accept(sim.OpenAccount{AccountID: "b"})
	for _, c := range []sim.Command{sim.OpenAccount{AccountID: "c"}, sim.OpenHolding{AccountID: "c", Symbol: "BTC"}, transfer} {
		if err := b.refuse(c); err.Code != sim.CodeLimitReached {
			t.Errorf("%T: %v", c, err)
		}
	}
	b.deposit("b", "BTC", "1") // known accounts are not concerned
}

// wantEvents checks the types of events and that their numbers are dense.
func wantEvents(t *testing.T, events []*sim.Event, types ...sim.EventType) {
	t.Helper()
	if len(events) != len(types) {
		t.Fatalf("%d events, want %d", len(events), len(types))
	}
	for i, e := range events {
		if e.Type != types[i] || e.Sequence != events[0].Sequence+uint64(i) {
			t.Errorf("event %d is %s, want %s", e.Sequence, e.Type, types[i])
		}
	}
}
