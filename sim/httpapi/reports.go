package httpapi

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/body"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

// document answers with what a command made of a document.
func (c *call) document(command sim.Command) error {
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Document(c.out, result.Document)
	return c.send(http.StatusOK)
}

func getReconciliation(c *call) error {
	q := c.query()
	filter := report.BreakFilter{
		Status: sim.BreakStatus(q.Choice("status", report.BreakStatuses())),
		Symbol: q.Text("symbol", sim.MaxSymbol),
	}
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	latest, err := report.LatestReconciliation(ctx, c.Custodian)
	if err != nil {
		return err
	}
	_, now, _, err := c.Custodian.Clock(ctx)
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"latest":`...)
	if latest == nil {
		c.out = append(c.out, "null"...)
	} else {
		c.out = c.encoder.Document(c.out, latest)
	}
	c.out = append(c.out, ',')
	return appendList(c, page, list[*sim.Break]{
		name: "breaks",
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Break, error) {
			return report.Breaks(ctx, c.Custodian, filter, p)
		},
		encode: func(dst []byte, b *sim.Break) []byte { return c.encoder.Break(dst, b, now) },
		cursor: func(dst []byte, b *sim.Break) []byte { return append(dst, b.ID...) },
	})
}

func runReconciliation(c *call) error {
	if err := c.decode(&NoFields{}, true); err != nil {
		return err
	}
	return c.document(sim.Reconcile{})
}

func announceCorporateAction(c *call) error {
	var action request.CorporateAction
	if err := c.decode(&action, false); err != nil {
		return err
	}
	result, err := c.do(action.Command())
	if err != nil {
		return err
	}
	c.out = c.encoder.Document(c.out, result.Document)
	return c.created("/api/v1/corporate-actions/" + url.PathEscape(result.Document.ID))
}

func cancelCorporateAction(c *call) error {
	id, err := c.pathText("corporate_action_id")
	if err != nil {
		return err
	}
	if err := c.decode(&NoFields{}, true); err != nil {
		return err
	}
	return c.document(sim.CancelCorporateAction{ID: id})
}

func getCorporateAction(c *call) error {
	id, err := c.pathText("corporate_action_id")
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	return c.sendDocument(sim.DocumentCorporateAction, id)
}

func (c *call) sendDocument(kind sim.DocumentKind, id string) error {
	ctx, cancel := c.context()
	defer cancel()
	document, err := c.Custodian.Document(ctx, kind, id)
	if err != nil {
		return err
	}
	c.out = c.encoder.Document(c.out, document)
	return c.send(http.StatusOK)
}

func listEntitlements(c *call) error {
	id, err := c.pathText("corporate_action_id")
	if err != nil {
		return err
	}
	q := c.query()
	part := q.Int("part", 1, report.MaxParts, 1)
	if err := q.Err(); err != nil {
		return err
	}
	return c.sendDocument(sim.DocumentEntitlement, sim.EntitlementID(id, part))
}

func listCorporateActions(c *call) error {
	q := c.query()
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	return sendList(c, page, list[*sim.Document]{
		name: "corporate_actions",
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Document, error) {
			return c.Custodian.ListDocuments(ctx, sim.DocumentCorporateAction, p)
		},
		encode: c.encoder.Document,
		cursor: func(dst []byte, v *sim.Document) []byte { return append(dst, v.ID...) },
	})
}

// statement answers with a page of a statement.
func statement(kind report.Kind) func(*call) error {
	return func(c *call) error {
		q := c.query()
		wanted := report.Query{
			Kind: kind, AccountID: q.Text("account_id", sim.MaxIdentifier), Date: q.Text("date", dateChars),
			Symbol: q.Text("symbol", sim.MaxSymbol),
		}
		wanted.Format = report.Format(q.Choice("format", report.Formats()))
		if kind != report.Holdings {
			wanted.From, wanted.To = q.Text("from", dateChars), q.Text("to", dateChars)
			wanted.Page = q.Int("page", 1, report.MaxPages, 1)
			wanted.Lines = q.Int("limit", 1, report.MaxLines, report.DefaultLines)
		}
		if err := q.Err(); err != nil {
			return err
		}
		if err := c.reservePage(max(wanted.Lines, report.DefaultLines), lineBytes); err != nil {
			return err
		}
		ctx, cancel := c.context()
		defer cancel()
		made, err := report.Make(ctx, c.Custodian, c.Assets, wanted)
		if err != nil {
			return err
		}
		if err := c.takeTurn(); err != nil {
			return err
		}
		content, mediaType, err := made.Write(wanted.Format, c.Assets)
		if err != nil {
			return err
		}
		return c.sendAs(mediaType, content)
	}
}

// dateChars is the length of a date, YYYY-MM-DD.
const dateChars = 10

// sendAs answers 200 with content of another type than JSON, or with JSON that
// is complete.
func (c *call) sendAs(mediaType string, content []byte) error {
	c.endTurn() // the caller is waited for
	c.settle(content)
	h := c.w.Header()
	h["Content-Type"] = []string{mediaType}
	h["Cache-Control"] = headerNoStore
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(content) // a caller who is gone misses nothing
	return nil
}

const mediaXML = "application/xml"

func getConfirmation(c *call) error { return c.settlementXML(report.Confirmation) }
func getStatusAdvice(c *call) error { return c.settlementXML(report.StatusAdvice) }

func (c *call) settlementXML(write func(*sim.Settlement, *asset.Registry) ([]byte, error)) error {
	s, err := c.findSettlement()
	if err != nil {
		return err
	}
	content, err := write(s, c.Assets)
	if err != nil {
		return err
	}
	return c.sendAs(mediaXML, content)
}

// receiveMessage carries out what an ISO 20022 message instructs and answers
// with a status advice.
func receiveMessage(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	given := c.r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	if err != nil || mediaType != mediaXML && mediaType != "text/xml" {
		return problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType,
			"must be application/xml, not "+strconv.Quote(given)).On("Content-Type", mediaXML)
	}
	if c.in, err = body.ReadWithin(c.w, c.r, c.Limits.MaxBodyBytes, c.in, c.reserve); err != nil {
		return err
	}
	if len(c.in) > heavyBytes {
		if err := c.takeTurn(); err != nil { // it ends with the command
			return err
		}
	}
	ctx, cancel := c.context()
	defer cancel()
	received, err := report.Receive(ctx, c.Custodian, c.in)
	if err != nil {
		return err
	}
	content, err := received.Answer(c.Assets, func(command sim.Command) (*sim.Settlement, error) {
		result, err := c.do(command)
		return result.Settlement, err
	})
	if err != nil {
		return err
	}
	return c.sendAs(mediaXML, content)
}
