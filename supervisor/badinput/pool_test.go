package badinput

import (
	"encoding/json"
	"strings"
)

// keptPerName bounds the values that a pool keeps under one name.
const keptPerName = 40

// pool remembers ids, cursors and the like of earlier answers, by the names of
// their fields, so that later requests name what there is.
type pool struct {
	values map[string][]string
	// plain is the name for ids that are called just that in what is learnt.
	plain string
}

func newPool() *pool { return &pool{values: map[string][]string{}} }

// add remembers a value under a name; where there are many, another gives way.
func (p *pool) add(d *dice, name, value string) {
	switch list := p.values[name]; {
	case value == "" || len(value) > 300:
	case len(list) < keptPerName:
		p.values[name] = append(list, value)
	default:
		at := d.IntN(len(list))
		copy(list[at:], list[at+1:])
		list[len(list)-1] = value
	}
}

// last returns the value of a name that was added last, or "".
func (p *pool) last(name string) string {
	list := p.values[name]
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// any returns a value of a name, or "" where there is none.
func (p *pool) any(d *dice, name string) string {
	if list := p.values[name]; len(list) > 0 {
		return pick(d, list)
	}
	return ""
}

// learn remembers what an answer has of interest.
func (p *pool) learn(d *dice, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			text, isText := v[name].(string)
			switch {
			case !isText:
				p.learn(d, v[name])
			case strings.HasSuffix(name, "_id"), name == "hash", name == "symbol":
				p.add(d, name, text)
			case name == "next_cursor", name == "next_page_token", name == "nextPageToken":
				p.add(d, "cursor", text)
			case strings.HasSuffix(name, "Id"): // protobuf's JSON
				p.add(d, snake(name), text)
			}
		}
		if id, ok := v["id"].(string); ok && p.plain != "" {
			p.add(d, p.plain, id)
		}
	case []any:
		for i, item := range v {
			if i == 8 {
				break
			}
			p.learn(d, item)
		}
	}
}

// learnJSON is learn for text that may be JSON. The path or the message that it is
// of tells whose ids are in it.
func (p *pool) learnJSON(d *dice, of string, text []byte) {
	p.plain = ""
	for part, name := range map[string]string{
		"/chaos/": "rule_id", "/webhooks": "webhook_id", "/corporate-actions": "corporate_action_id",
		"FaultRule": "rule_id", "Webhook": "webhook_id", "CorporateAction": "corporate_action_id",
	} {
		if strings.Contains(of, part) {
			p.plain = name
		}
	}
	var v any
	if json.Unmarshal(text, &v) == nil {
		p.learn(d, v)
	}
}

func snake(name string) string {
	var out strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			out.WriteByte('_')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}
