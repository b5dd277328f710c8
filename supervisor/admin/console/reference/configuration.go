package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/doc/comment"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Where keys stand.
const (
	settings  = "defaults."
	instances = "instances[]."
)

func (t *tree) processKeys() (string, error) {
	return t.keys("", func(path string) bool {
		return path != "instances" && path != "defaults" && !strings.HasPrefix(path, settings) && !strings.HasPrefix(path, instances)
	})
}

func (t *tree) instanceKeys() (string, error) {
	return t.keys(instances, func(path string) bool { return strings.HasPrefix(path, instances) })
}

func (t *tree) settingsKeys() (string, error) {
	return t.keys(settings, func(path string) bool { return strings.HasPrefix(path, settings) })
}

// keys shows those that are meant, without the prefix that they share: first those
// that hold a value, then each group under a heading.
func (t *tree) keys(prefix string, meant func(path string) bool) (string, error) {
	all := config.Reference()
	names := make(map[string]string)
	for _, k := range all {
		names[k.Field] = k.Path[strings.LastIndexByte(k.Path, '.')+1:]
	}
	heading := []string{"key", "value", "default", "what it is"}
	top, groups, order := newTable(heading...), map[string]*table{}, []string(nil)
	intro := make(map[string]string)
	for _, k := range all {
		if !meant(k.Path) {
			continue
		}
		about, err := t.commentOf(k.Owner, k.Field)
		if err != nil {
			return "", fmt.Errorf("%s: %w", k.Path, err)
		}
		path := strings.TrimPrefix(k.Path, prefix)
		text := asKey(about, k.Owner, k.Field, names)
		group, _, below := strings.Cut(path, ".")
		group = strings.TrimSuffix(group, "[]")
		into := top
		switch {
		case !below && slices.ContainsFunc(all, func(other config.Key) bool { return isBelow(other.Path, k.Path) }):
			intro[path], groups[path] = text, newTable(heading...)
			if strings.HasPrefix(k.Value, "list") {
				intro[path] = k.Value + ": " + text
			}
			order = append(order, path)
			continue
		case below:
			into = groups[group]
		}
		if into == nil {
			return "", fmt.Errorf("%s stands in no group", k.Path)
		}
		into.add(code(path), k.Value, defaultOf(k), text)
	}
	var out strings.Builder
	if len(top.rows) > 2 {
		out.WriteString(top.String())
	}
	for _, name := range order {
		fmt.Fprintf(&out, "\n### `%s`\n\n%s\n\n", name, sentence(intro[name]))
		if len(groups[name].rows) > 2 {
			out.WriteString(groups[name].String())
		}
	}
	return out.String(), nil
}

// isBelow reports whether a key stands within another, or in an element of it.
func isBelow(path, above string) bool {
	rest, below := strings.CutPrefix(path, above)
	return below && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "[]."))
}

func defaultOf(k config.Key) string {
	path, _ := strings.CutPrefix(k.Path, settings)
	for _, over := range []string{"settlement.", "rails.", "approvals."} {
		if path != k.Path && strings.HasPrefix(path, over) && k.Default == "" && !strings.Contains(path, "[]") {
			return "the profile's"
		}
	}
	if strings.ContainsRune(k.Default, ' ') {
		return k.Default
	}
	return code(k.Default)
}

// sentence makes one of a phrase.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// gap is what stands between a name and its type in package documentation.
var gap = regexp.MustCompile(` {2,}`)

// expressions shows what the documentation of package policy says of them.
func (t *tree) expressions() (string, error) {
	blocks, err := t.section("sim/policy/doc.go", "Expressions")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, block := range blocks {
		preformatted, isCode := block.(*comment.Code)
		if !isCode {
			out.Write((&comment.Printer{}).Markdown(&comment.Doc{Content: []comment.Block{block}}))
			out.WriteString("\n")
			continue
		}
		seen := newTable("name", "type")
		for _, line := range strings.Split(strings.ReplaceAll(strings.TrimSpace(preformatted.Text), ",\n", ", "), "\n") {
			if name, kind, named := cutAt(gap, line); named {
				seen.add(name, kind)
			} else {
				out.WriteString("- " + code(line) + "\n")
			}
		}
		if len(seen.rows) > 2 {
			out.WriteString(seen.String())
		}
		out.WriteString("\n")
	}
	return out.String(), nil
}

func cutAt(mark *regexp.Regexp, text string) (before, after string, found bool) {
	at := mark.FindStringIndex(text)
	if at == nil {
		return text, "", false
	}
	return text[:at[0]], text[at[1]:], true
}

// profileValues shows what each profile says, by key.
func profileValues() (string, error) {
	names := []string{profile.Instant, profile.CryptoCustodian, profile.GlobalCustodian, profile.PrimeBroker}
	values := make(map[string]map[string]string) // by key, then profile
	for _, name := range names {
		p, known := profile.Builtin(name)
		if !known {
			return "", fmt.Errorf("there is no profile %q", name)
		}
		text, err := json.Marshal(p)
		if err != nil {
			return "", err
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var tree map[string]any
		if err := decoder.Decode(&tree); err != nil {
			return "", err
		}
		delete(tree, "name")
		flatten(tree, "", func(key, value string) {
			if values[key] == nil {
				values[key] = make(map[string]string)
			}
			values[key][name] = value
		})
	}
	heading := append([]string{"key"}, names...)
	tables := make(map[string]*table)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		group, _, _ := strings.Cut(key, ".")
		if group == "rails" {
			group = strings.Join(strings.Split(key, ".")[:2], ".")
		}
		if tables[group] == nil {
			tables[group] = newTable(heading...)
		}
		row := []string{code(key)}
		for _, name := range names {
			row = append(row, values[key][name])
		}
		tables[group].add(row...)
	}
	order := []string{"settlement", "approvals"}
	for _, rail := range profile.RailNames() {
		order = append(order, "rails."+rail)
	}
	var out strings.Builder
	for _, group := range order {
		if tables[group] == nil {
			return "", fmt.Errorf("no profile has %s", group)
		}
		out.WriteString(tables[group].String() + "\n")
	}
	return out.String(), nil
}

// flatten visits the values of a document by their paths.
func flatten(value any, path string, visit func(path, value string)) {
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			flatten(below, strings.TrimPrefix(path+"."+key, "."), visit)
		}
	case []any:
		words := make([]string, len(value))
		for i, word := range value {
			words[i] = fmt.Sprint(word)
			if tier, ok := word.(map[string]any); ok {
				words[i] = fmt.Sprint(tier["required"])
				if below, bounded := tier["below"]; bounded {
					words[i] += fmt.Sprint(" below ", below)
				}
			}
		}
		visit(path, strings.Join(words, ", "))
	default:
		visit(path, fmt.Sprint(value))
	}
}

// variables shows which variable, and which flag, sets a key.
func variables() (string, error) {
	out := newTable("key", "variable", "flag")
	for _, k := range config.Reference() {
		if k.Variable != "" || k.Flag != "" {
			out.add(code(k.Path), code(k.Variable), code(k.Flag))
		}
	}
	return out.String(), nil
}

// singleVariables shows those of a process without files.
func singleVariables() (string, error) {
	out := newTable("variable", "key", "if it is not set", "also")
	for _, v := range config.SingleVariables() {
		implied := ""
		if v.ImpliedPath != "" {
			implied = fmt.Sprintf("`%s` is `%s`", v.ImpliedPath, v.Implies)
			if v.If != "" {
				implied += fmt.Sprintf(" where it is `%s`", v.If)
			}
		}
		out.add(code(v.Name), code(v.Path), code(v.Default), implied)
	}
	return out.String(), nil
}
