package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// Format is how a statement is written.
type Format string

// The formats.
const (
	FormatJSON Format = "json"
	FormatCSV  Format = "csv"
	// FormatXML is ISO 20022: semt.002, semt.017 or camt.053.
	FormatXML Format = "xml"
)

// Formats lists every format.
func Formats() []string { return []string{string(FormatJSON), string(FormatCSV), string(FormatXML)} }

// Shape is a page of a statement as JSON shows it.
type Shape struct {
	_         struct{}            `additionalProperties:"true"`
	Kind      string              `json:"kind" enum:"holdings,transactions,cash"`
	AccountID string              `json:"account_id" example:"fund-a"`
	From      string              `json:"from" format:"date-time" doc:"The start of the period; of holdings the moment."`
	To        string              `json:"to" format:"date-time" doc:"The end of the period, which is not in it; of holdings the moment."`
	Sequence  uint64              `json:"sequence" doc:"The last event that the statement covers."`
	Page      int                 `json:"page" doc:"The page's number, from 1."`
	LastPage  bool                `json:"last_page" doc:"Whether there is no page behind this one."`
	Holdings  []view.AssetBalance `json:"holdings,omitempty" doc:"What was held, by symbol; of statements of holdings."`
	Totals    []TotalShape        `json:"totals,omitempty" doc:"What was held at the ends of the page, by symbol; of movements."`
	Lines     []LineShape         `json:"lines,omitempty" doc:"What moved, the oldest first."`
}

// TotalShape is what was held of an asset at the ends of a page.
type TotalShape struct {
	_       struct{} `additionalProperties:"true"`
	Symbol  string   `json:"symbol" example:"USD"`
	Opening string   `json:"opening" format:"decimal" example:"0.00"`
	Closing string   `json:"closing" format:"decimal" example:"1000.00"`
}

// LineShape is a movement.
type LineShape struct {
	_            struct{} `additionalProperties:"true"`
	EntryID      string   `json:"entry_id" doc:"The ledger entry." example:"17-0"`
	PostedAt     string   `json:"posted_at" format:"date-time"`
	Symbol       string   `json:"symbol" example:"USD"`
	Amount       string   `json:"amount" format:"decimal" doc:"What came; below zero, what went." example:"1000.00"`
	Balance      string   `json:"balance" format:"decimal" doc:"What was held afterwards." example:"1000.00"`
	OtherAccount string   `json:"other_account" doc:"The other side." example:"NOSTRO"`
	SettlementID *string  `json:"settlement_id" format:"uuid" doc:"The settlement or transfer that caused it, or null."`
}

// Write returns the page in a format, with its media type. Errors are
// [sim.Error] values: not everything can be said in ISO 20022.
func (s *Statement) Write(format Format, assets *asset.Registry) (content []byte, mediaType string, err error) {
	switch format {
	case FormatJSON, "":
		content, err = json.Marshal(s.shape(assets))
		return content, "application/json", err
	case FormatCSV:
		content, err = s.csv(assets)
		return content, "text/csv; charset=utf-8", err
	case FormatXML:
		content, err = s.xml(assets)
		return content, "application/xml", unsayable(err)
	default:
		return nil, "", sim.Invalid("format", "is not known; allowed: %s, %s, %s", FormatJSON, FormatCSV, FormatXML)
	}
}

// unsayable explains why a record cannot be written as ISO 20022.
func unsayable(err error) error {
	if e, ok := errors.AsType[*iso20022.Error](err); ok {
		return sim.Invalid("format", "ISO 20022 cannot say this: %s", e)
	}
	return err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }

func show(assets *asset.Registry, symbol string, a money.Amount) string {
	if as := assets.Lookup(symbol); as.IsCash() {
		return a.Format(as.Decimals)
	}
	return a.String()
}

func (s *Statement) shape(assets *asset.Registry) *Shape {
	from, to := s.ends()
	out := &Shape{
		Kind: string(s.Kind), AccountID: s.AccountID, From: stamp(from), To: stamp(to), Sequence: s.Sequence,
		Page: s.Page, LastPage: s.LastPage,
	}
	for i := range s.Holdings {
		b := &s.Holdings[i]
		out.Holdings = append(out.Holdings, view.AssetBalance{
			Symbol: b.Symbol, Cash: b.Cash, Total: show(assets, b.Symbol, b.Total()), Available: show(assets, b.Symbol, b.Available),
			Locked: show(assets, b.Symbol, b.Locked), Reserved: show(assets, b.Symbol, b.Reserved),
			PendingIn: show(assets, b.Symbol, b.PendingIn), InTransit: show(assets, b.Symbol, b.InTransit),
		})
	}
	for _, t := range s.Totals {
		out.Totals = append(out.Totals, TotalShape{Symbol: t.Symbol, Opening: show(assets, t.Symbol, t.Opening), Closing: show(assets, t.Symbol, t.Closing)})
	}
	for i := range s.Lines {
		out.Lines = append(out.Lines, s.Lines[i].shape(assets))
	}
	return out
}

func (l *Line) shape(assets *asset.Registry) LineShape {
	out := LineShape{
		EntryID: entryID(&l.Entry), PostedAt: stamp(l.Entry.PostedAt), Symbol: l.Entry.Symbol, Amount: show(assets, l.Entry.Symbol, l.Amount),
		Balance: show(assets, l.Entry.Symbol, l.Balance), OtherAccount: l.Other.AccountID,
	}
	if l.Entry.SettlementID != noID {
		id := l.Entry.SettlementID.String()
		out.SettlementID = &id
	}
	return out
}

func entryID(e *sim.Entry) string {
	return strconv.FormatUint(e.Sequence, 10) + "-" + strconv.Itoa(e.Index)
}

// What a line of a statement of movements is, as CSV says it. The ends of a page
// that are not those of the period are interim ones.
const (
	csvOpening        = "opening"
	csvInterimOpening = "interim_opening"
	csvMovement       = "movement"
	csvInterimClosing = "interim_closing"
	csvClosing        = "closing"
)

// csv writes the page as RFC 4180 has it, with the names of the columns first.
// Movements stand between what was held of every asset before and after them.
func (s *Statement) csv(assets *asset.Registry) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	shape := s.shape(assets)
	var rows [][]string
	if s.Kind == Holdings {
		rows = append(rows, []string{"account_id", "at", "symbol", "total", "available", "locked", "reserved", "pending_in", "in_transit"})
		for _, h := range shape.Holdings {
			rows = append(rows, []string{s.AccountID, shape.To, h.Symbol, h.Total, h.Available, h.Locked, h.Reserved, h.PendingIn, h.InTransit})
		}
	} else {
		rows = append(rows, []string{"account_id", "line", "entry_id", "posted_at", "symbol", "amount", "balance", "other_account", "settlement_id"})
		opening, closing := csvOpening, csvClosing
		if s.Page > 1 {
			opening = csvInterimOpening
		}
		if !s.LastPage {
			closing = csvInterimClosing
		}
		for _, t := range shape.Totals {
			rows = append(rows, []string{s.AccountID, opening, "", shape.From, t.Symbol, "", t.Opening, "", ""})
		}
		for _, l := range shape.Lines {
			id := ""
			if l.SettlementID != nil {
				id = *l.SettlementID
			}
			rows = append(rows, []string{s.AccountID, csvMovement, l.EntryID, l.PostedAt, l.Symbol, l.Amount, l.Balance, l.OtherAccount, id})
		}
		for _, t := range shape.Totals {
			rows = append(rows, []string{s.AccountID, closing, "", shape.To, t.Symbol, "", t.Closing, "", ""})
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = unspreadsheet(row[i])
		}
	}
	err := w.WriteAll(rows)
	return out.Bytes(), err
}

// unspreadsheet keeps text that a caller chose from being taken for a formula.
func unspreadsheet(text string) string {
	if text == "" {
		return text
	}
	switch text[0] {
	case '=', '@', '\t', '\r':
		return "'" + text
	case '+', '-':
		if _, err := money.Restore(text); err != nil {
			return "'" + text
		}
	}
	return text
}
