package scenario

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// pageSize is how many events are read at a time.
const pageSize = 500

// event is one event as far as scripts compare it.
type event struct {
	Sequence uint64 `json:"sequence"`
	Type     string `json:"type"`
}

// entry is a ledger entry as far as scripts compare it.
type entry struct {
	Symbol string `json:"symbol"`
	Amount string `json:"amount"`
	Debit  side   `json:"debit"`
	Credit side   `json:"credit"`
}

type side struct {
	AccountID string `json:"account_id"`
	Bucket    string `json:"bucket"`
}

// String returns the entry as scripts write postings.
func (e entry) String() string {
	return fmt.Sprintf("%s %s %s %s -> %s %s", e.Amount, e.Symbol, e.Debit.AccountID, e.Debit.Bucket, e.Credit.AccountID, e.Credit.Bucket)
}

// posted returns the postings of events behind one, as scripts write them.
func (p *player) posted(ctx context.Context, after uint64) ([]string, error) {
	var out []string
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(pageSize)}}
	for {
		var page struct {
			Entries []entry `json:"entries"`
			Next    *string `json:"next_cursor"`
		}
		if err := p.get(ctx, "/api/v1/ledger/entries", query, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			out = append(out, e.String())
		}
		if page.Next == nil || *page.Next == "" {
			return out, nil
		}
		query.Set("cursor", *page.Next)
	}
}

// caused returns the events behind the last that was seen, as far as they can be
// read. The clock's own are passed over: they are the script's, not the custodian's.
func (p *player) caused(ctx context.Context) ([]event, error) {
	var out []event
	for {
		var page struct {
			Events []event `json:"events"`
		}
		query := url.Values{"after": {strconv.FormatUint(p.seen, 10)}, "limit": {strconv.Itoa(pageSize)}}
		if err := p.get(ctx, "/api/v1/events", query, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			p.seen = e.Sequence
			if !strings.HasPrefix(e.Type, "clock.") {
				out = append(out, e)
			}
		}
		if len(page.Events) < pageSize {
			return out, nil
		}
	}
}

// skip passes over what has happened so far.
func (p *player) skip(ctx context.Context) error {
	_, err := p.caused(ctx)
	return err
}

// rest stands for any number of elements that are not compared.
const rest = "..."

// compareLists compares texts in order. It returns what differs.
func compareLists(what string, expected, actual []string) []string {
	if fits(expected, actual) {
		return nil
	}
	return []string{fmt.Sprintf("%s are %s, expected %s", what, list(actual), list(expected))}
}

// fits reports whether actual is what expected says. Runs of any length make
// it a search, which is short because scripts are.
func fits(expected, actual []string) bool {
	// reach[j] reports whether the expected elements so far fit actual[:j].
	reach := make([]bool, len(actual)+1)
	reach[0] = true
	for _, e := range expected {
		next := make([]bool, len(actual)+1)
		for j := range reach {
			switch {
			case e == rest:
				next[j] = reach[j] || (j > 0 && next[j-1])
			case j > 0:
				next[j] = reach[j-1] && strings.Join(strings.Fields(e), " ") == actual[j-1]
			}
		}
		reach = next
	}
	return reach[len(actual)]
}

func list(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return "\n    " + strings.Join(texts, "\n    ")
}
