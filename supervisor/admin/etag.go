package admin

import (
	"net/http"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// quote makes an entity tag of a tag of the supervisor's.
func quote(tag string) string { return `"` + tag + `"` }

// condition is what an If-Match or If-None-Match header asks for.
type condition struct {
	given bool
	any   bool // *
	tags  []string
}

// parseCondition reads the entity tags of a header. Weak ones are kept apart
// only where it matters: If-Match must not take them for equal (RFC 9110), which
// is why they are left out unless weak says so.
func parseCondition(r *http.Request, header string, weak bool) (condition, error) {
	text := strings.TrimSpace(strings.Join(r.Header.Values(header), ","))
	c := condition{given: text != "", any: text == "*"}
	if c.any {
		return c, nil
	}
	for text != "" {
		rest, isWeak := strings.CutPrefix(text, "W/")
		rest, opened := strings.CutPrefix(rest, `"`)
		tag, rest, closed := strings.Cut(rest, `"`)
		rest = strings.TrimSpace(rest)
		after, more := strings.CutPrefix(rest, ",")
		if !opened || !closed || (!more && rest != "") {
			return c, problem.New(http.StatusBadRequest, string(sim.CodeMalformed),
				`must be * or entity tags in quotation marks, as the header ETag shows them`).On(header)
		}
		if weak || !isWeak {
			c.tags = append(c.tags, tag)
		}
		text = strings.TrimSpace(after)
	}
	return c, nil
}

// holds reports whether the condition names a tag.
func (c condition) holds(tag string) bool {
	if c.any {
		return true
	}
	for _, t := range c.tags {
		if t == tag {
			return true
		}
	}
	return false
}
