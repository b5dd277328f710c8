package iso20022_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var update = flag.Bool("update", false, "write the expected files anew")

// golden compares bytes with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func input(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMessagesAreReadAsTheFilesBesideThemSay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"instruction_dvp", "instruction_envelope", "cancellation"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := iso20022.Parse(input(t, name+".xml"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(message, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", append(got, '\n'))
		})
	}
}

func day(d int) iso20022.Date { return iso20022.Date{Year: 2026, Month: time.November, Day: d} }

func at(hour, minute int) time.Time {
	return time.Date(2026, time.November, 24, hour, minute, 0, 0, time.FixedZone("EST", -5*60*60))
}

func units(s string) iso20022.Quantity { return iso20022.Quantity{Value: money.MustParse(s)} }

func unitsPointer(s string) *iso20022.Quantity { q := units(s); return &q }

func usd(s string, d iso20022.CreditDebit) *iso20022.Amount {
	return &iso20022.Amount{Currency: "USD", Value: money.MustParse(s), Direction: d}
}

// delivery is a delivery against payment to an outside counterparty.
func delivery() iso20022.Transaction {
	return iso20022.Transaction{
		AccountID:      "fund-a",
		Instrument:     iso20022.Instrument{ISIN: "US0378331005", Symbol: "AAPL", Description: "Apple & Co <common>"},
		Movement:       iso20022.Deliver,
		Payment:        iso20022.AgainstPayment,
		Quantity:       units("40"),
		Amount:         usd("7600.00", iso20022.Credit),
		TradeDate:      day(23),
		SettlementDate: day(24),
		Partial:        iso20022.PartialAllowed,
		Receiving: &iso20022.Parties{
			Depository: iso20022.Party{BIC: "DTCYUS33"},
			Party1:     iso20022.Party{BIC: "BANKUS33XXX", AccountID: "0042"},
			Party2:     iso20022.Party{Name: "Fund B"},
		},
	}
}

func statusAdvice() *iso20022.StatusAdvice {
	return &iso20022.StatusAdvice{
		Reference:         "A-1",
		ServicerReference: "5c0e0c7e5d0a4a0f9a6c1b2d3e4f5a6b",
		Processing:        &iso20022.Status{Kind: iso20022.ProcessingAcknowledged},
		Matching:          &iso20022.Status{Kind: iso20022.Matched},
		Settlement: &iso20022.Status{Kind: iso20022.SettlementPending, Reasons: []iso20022.StatusReason{
			{Code: "LACK", Text: "60 of 100 AAPL are missing"}, {Code: "LINK"},
		}},
		Details: &iso20022.StatusDetails{
			Transaction:            delivery(),
			Hold:                   &iso20022.HoldStatus{Held: true, Reasons: []iso20022.StatusReason{{Code: "PTYH"}}},
			ExpectedSettlementDate: day(25),
			AcknowledgedAt:         at(9, 30),
			MatchedAt:              at(9, 31),
			Text:                   "as told by phone",
		},
	}
}

func rejection() *iso20022.StatusAdvice {
	return &iso20022.StatusAdvice{
		Reference: "A-2",
		Processing: &iso20022.Status{Kind: iso20022.ProcessingRejected, Reasons: []iso20022.StatusReason{
			{Code: "ULNK", Text: "A-9 is not known"}, {Code: "OTHR", Text: "see the letter"},
		}},
	}
}

func confirmation() *iso20022.Confirmation {
	return &iso20022.Confirmation{
		Reference:               "A-1",
		ServicerReference:       "5c0e0c7e5d0a4a0f9a6c1b2d3e4f5a6b",
		CommonReference:         "COMMON-7",
		Transaction:             delivery(),
		EffectiveDate:           day(25),
		PartialSettlement:       iso20022.PartRemaining,
		PreviousPart:            "A-1-1",
		PreviouslySettled:       unitsPointer("30"),
		Remaining:               unitsPointer("30"),
		PreviouslySettledAmount: usd("5700.00", iso20022.Credit),
		RemainingAmount:         usd("5700.00", iso20022.Credit),
	}
}

func statementDetails() iso20022.StatementDetails {
	return iso20022.StatementDetails{
		Page:         iso20022.Page{Number: 1, Last: true},
		ReportNumber: 328,
		StatementID:  "S-2026-328",
		Frequency:    iso20022.Daily,
		Basis:        iso20022.SettlementBasis,
		Owner:        iso20022.Party{BIC: "FUNDUS33"},
		AccountID:    "fund-a",
	}
}

func holdings() *iso20022.HoldingsStatement {
	return &iso20022.HoldingsStatement{
		StatementDetails: statementDetails(),
		At:               at(17, 0),
		Servicer:         iso20022.Party{BIC: "CUSTUS33"},
		Holdings: []iso20022.Holding{
			{
				Instrument:   iso20022.Instrument{ISIN: "US0378331005", Symbol: "AAPL"},
				Total:        units("100"),
				Available:    unitsPointer("60"),
				NotAvailable: unitsPointer("40"),
				Parts: []iso20022.HoldingPart{
					{Kind: iso20022.SubBalanceBlocked, Quantity: units("40")},
					{Kind: iso20022.SubBalanceOther, Quantity: units("0"), Text: "in transit"},
				},
			},
			{
				Instrument: iso20022.Instrument{Symbol: "ETH", SymbolType: "TOKEN"},
				Total:      iso20022.Quantity{Kind: iso20022.DigitalTokens, Value: money.MustParse("-1.000000000000000001")},
				Text:       "owed by the venue",
			},
		},
	}
}

func transactions() *iso20022.TransactionsStatement {
	return &iso20022.TransactionsStatement{
		StatementDetails: statementDetails(),
		From:             at(0, 0),
		To:               at(17, 0),
		Instruments: []iso20022.InstrumentTransactions{{
			Instrument: iso20022.Instrument{ISIN: "US0378331005"},
			Opening:    unitsPointer("140"),
			Closing:    unitsPointer("100"),
			Transactions: []iso20022.PostedTransaction{
				{
					Reference: "A-1", ServicerReference: "5c0e0c7e5d0a4a0f9a6c1b2d3e4f5a6b", Activity: iso20022.ActivitySettlement,
					Movement: iso20022.Deliver, Payment: iso20022.AgainstPayment, Quantity: units("40"),
					Amount: usd("7600", iso20022.Credit), TradeDate: day(23), SettlementDate: day(24), EffectiveAt: at(11, 5),
					Receiving: &iso20022.Parties{Party1: iso20022.Party{BIC: "BANKUS33XXX"}},
				},
				{
					CorporateActionID: "SPLIT-1", Activity: iso20022.ActivityCorporateAction, Movement: iso20022.Receive,
					Payment: iso20022.FreeOfPayment, Quantity: units("0.5"), EffectiveAt: at(12, 0), Reversal: true, Text: "fraction taken back",
				},
			},
		}},
	}
}

func cash() *iso20022.CashStatement {
	available := money.MustParse("9000")
	return &iso20022.CashStatement{
		MessageID: "M-328", CreatedAt: at(17, 1), Page: iso20022.Page{Number: 2, Last: true}, StatementID: "C-2026-328", Sequence: 328,
		From: at(0, 0), To: at(17, 0), AccountID: "fund-a-usd", Currency: "USD", AccountName: "Fund A cash", OwnerName: "Fund A",
		ServicerBIC: "CUSTUS33", Opening: money.MustParse("-600"), Closing: money.MustParse("6975"), OpeningDate: day(24), ClosingDate: day(24),
		Available: &available,
		Entries: []iso20022.CashEntry{
			{
				Reference: "1", Amount: money.MustParse("7600"), Status: iso20022.EntryBooked, BookingDate: day(24), ValueDate: day(24),
				ServicerReference: "5c0e0c7e5d0a4a0f9a6c1b2d3e4f5a6b", Code: iso20022.CodeSecuritiesTrade, OwnerReference: "A-1",
			},
			{
				Amount: money.MustParse("-25"), Status: iso20022.EntryBooked, Reversal: true,
				Code: iso20022.BankTransactionCode{Proprietary: "WIRE_FEE"}, Text: "fee of the wire",
			},
			{Amount: money.MustParse("2025"), Status: iso20022.EntryPending, Code: iso20022.BankTransactionCode{Proprietary: "ACH"}},
		},
		Text: "end of the day",
	}
}

// xmlWriter is what every message that is written has.
type xmlWriter interface{ XML() ([]byte, error) }

func TestMessagesAreWrittenAsTheFilesSay(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]xmlWriter{
		"statusadvice.xml": statusAdvice(),
		"rejection.xml":    rejection(),
		"confirmation.xml": confirmation(),
		"holdings.xml":     holdings(),
		"transactions.xml": transactions(),
		"cash.xml":         cash(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := message.XML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
			again, err := message.XML()
			if err != nil || string(again) != string(got) {
				t.Errorf("writing twice differs: %v", err)
			}
		})
	}
}
