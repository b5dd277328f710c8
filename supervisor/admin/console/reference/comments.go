package main

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

// fieldComments has the comments on the fields of structs, by type and field.
type fieldComments map[string]map[string]string

// commentOf returns the comment on a field of a struct. A field without one is an
// error: it would be a key that nobody explains.
func (t *tree) commentOf(owner reflect.Type, field string) (string, error) {
	dir, ours := strings.CutPrefix(owner.PkgPath(), module)
	if !ours {
		return "", fmt.Errorf("%s is not of this module", owner)
	}
	comments, known := t.comments[dir]
	if !known {
		comments = make(fieldComments)
		files, err := filepath.Glob(filepath.Join(t.root, dir, "*.go"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			if err := comments.read(file); err != nil {
				return "", err
			}
		}
		t.comments[dir] = comments
	}
	text := comments[owner.Name()][field]
	if text == "" {
		return "", fmt.Errorf("%s.%s has no comment of its own", owner, field)
	}
	return text, nil
}

// section returns what the documentation of a package says under a heading.
func (t *tree) section(file, heading string) ([]comment.Block, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(t.root, file), nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return nil, err
	}
	var out []comment.Block
	within := false
	for _, block := range new(comment.Parser).Parse(parsed.Doc.Text()).Content {
		if h, ok := block.(*comment.Heading); ok {
			within = len(h.Text) == 1 && h.Text[0] == comment.Plain(heading)
		} else if within {
			out = append(out, block)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%s has no section %q", file, heading)
	}
	return out, nil
}

func (c fieldComments) read(file string) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			fields := make(map[string]string)
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					fields[name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
			c[spec.Name.Name] = fields
		}
		return true
	})
	return nil
}

// goName is the name of a field, or a path of them, within a comment.
var goName = regexp.MustCompile(`[A-Z][A-Za-z0-9]*(\.[A-Z][A-Za-z0-9]*)*`)

// asKey tells what a comment on a field says to somebody who knows the field as a
// key: the names of other fields become those of their keys, and its own, with which
// the comment begins, is left out.
func asKey(comment string, owner reflect.Type, field string, keys map[string]string) string {
	text, _ := strings.CutPrefix(comment, field+" ")
	for _, verb := range []string{"is ", "are "} {
		if rest, cut := strings.CutPrefix(text, verb); cut && text != comment {
			text = rest
			break
		}
	}
	text = strings.ReplaceAll(text, ", see [calendar.Names]", ": "+strings.Join(calendar.Names(), ", "))
	var out strings.Builder
	end := 0
	for _, at := range goName.FindAllStringIndex(text, -1) {
		word := text[at[0]:at[1]]
		begins := at[0] == 0 || strings.HasSuffix(text[:at[0]], ". ")
		if key := keyOf(word, owner, keys, begins); key != "" && (at[0] == 0 || strings.ContainsRune(" (", rune(text[at[0]-1]))) {
			out.WriteString(text[end:at[0]] + "`" + key + "`")
			end = at[1]
		}
	}
	out.WriteString(text[end:])
	text = strings.ReplaceAll(out.String(), "*", `\*`)
	if strings.Count(text, ". ") == 0 {
		text = strings.TrimSuffix(text, ".")
	}
	return text
}

// keyOf returns the key of a field that a comment on another names, or "" if the word
// is none. Words that could be others count only among the fields beside it, and not
// where a sentence begins.
func keyOf(word string, owner reflect.Type, keys map[string]string, begins bool) string {
	first, rest, dotted := strings.Cut(word, ".")
	camel := strings.ContainsFunc(first[1:], unicode.IsUpper) && strings.ContainsFunc(first, unicode.IsLower)
	beside, isField := owner.FieldByName(first)
	switch {
	case !isField && camel:
		return keys[first]
	case word == "Redis": // the program, not a key
		return ""
	case !isField, !dotted && !camel && (begins || strings.ToUpper(word) == word):
		return ""
	}
	key := beside.Tag.Get("koanf")
	if !dotted {
		return key
	}
	below := beside.Type
	if below.Kind() != reflect.Struct {
		return ""
	}
	if inner := keyOf(rest, below, keys, false); inner != "" {
		return key + "." + inner
	}
	if f, ok := below.FieldByName(rest); ok {
		return key + "." + f.Tag.Get("koanf")
	}
	return ""
}
