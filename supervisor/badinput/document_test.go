package badinput

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is an OpenAPI document with its schemas compiled.
type document struct {
	root       map[string]any
	operations []*operation
	// enums are the values that fields and parameters may have, by name.
	enums map[string][]string
	// problem is the schema of error answers.
	problem *jsonschema.Schema
}

// operation is one method on one path.
type operation struct {
	id, method, path string
	pattern          *regexp.Regexp
	parameters       []parameter
	// body is the schema of the request's body, nil for none.
	body       map[string]any
	bodySchema *jsonschema.Schema
	bodyType   string
	// bodyOptional tells that it may be left out.
	bodyOptional bool
	answers      map[string]answers
}

type parameter struct {
	name, in string
	required bool
	schema   map[string]any
	compiled *jsonschema.Schema
}

// answers are what an operation may answer with one status.
type answers struct {
	// content has the schemas by media type; nil for text.
	content map[string]*jsonschema.Schema
	headers []string
}

const documentURL = "document.json"

// readDocument reads a document and compiles what answers and requests are held
// against.
func readDocument(text []byte) (*document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, root); err != nil {
		return nil, err
	}
	d := &document{enums: map[string][]string{}}
	if err := json.Unmarshal(text, &d.root); err != nil {
		return nil, err
	}
	if d.problem, err = compiler.Compile(documentURL + "#/components/schemas/Problem"); err != nil {
		return nil, err
	}
	paths, _ := d.root["paths"].(map[string]any)
	for _, path := range sortedKeys(paths) {
		item, _ := paths[path].(map[string]any)
		for _, method := range sortedKeys(item) {
			described, _ := item[method].(map[string]any)
			at := documentURL + "#/paths/" + escape(path) + "/" + method
			o, err := readOperation(compiler, at, described)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			o.method, o.path = strings.ToUpper(method), path
			o.pattern = regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]*`) + "$")
			d.operations = append(d.operations, o)
		}
	}
	d.collect(d.root["components"], "")
	d.collect(d.root["paths"], "")
	return d, nil
}

func escape(pointer string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(pointer)
}

func readOperation(compiler *jsonschema.Compiler, at string, described map[string]any) (*operation, error) {
	o := &operation{answers: map[string]answers{}}
	o.id, _ = described["operationId"].(string)
	list, _ := described["parameters"].([]any)
	for i, item := range list {
		m, _ := item.(map[string]any)
		p := parameter{}
		p.name, _ = m["name"].(string)
		p.in, _ = m["in"].(string)
		p.required, _ = m["required"].(bool)
		p.schema, _ = m["schema"].(map[string]any)
		var err error
		if p.compiled, err = compiler.Compile(fmt.Sprintf("%s/parameters/%d/schema", at, i)); err != nil {
			return nil, err
		}
		o.parameters = append(o.parameters, p)
	}
	if request, ok := described["requestBody"].(map[string]any); ok {
		required, _ := request["required"].(bool)
		o.bodyOptional = !required
		content, _ := request["content"].(map[string]any)
		for _, mediaType := range sortedKeys(content) {
			media, _ := content[mediaType].(map[string]any)
			o.bodyType = mediaType
			o.body, _ = media["schema"].(map[string]any)
			var err error
			if o.bodySchema, err = compiler.Compile(at + "/requestBody/content/" + escape(mediaType) + "/schema"); err != nil {
				return nil, err
			}
		}
	}
	responses, _ := described["responses"].(map[string]any)
	for status, item := range responses {
		response, _ := item.(map[string]any)
		headers, _ := response["headers"].(map[string]any)
		content, _ := response["content"].(map[string]any)
		a := answers{content: map[string]*jsonschema.Schema{}, headers: sortedKeys(headers)}
		for mediaType := range content {
			if !isJSON(mediaType) {
				a.content[mediaType] = nil
				continue
			}
			schema, err := compiler.Compile(at + "/responses/" + status + "/content/" + escape(mediaType) + "/schema")
			if err != nil {
				return nil, err
			}
			a.content[mediaType] = schema
		}
		o.answers[status] = a
	}
	return o, nil
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// resolve follows the reference of a schema.
func (d *document) resolve(schema map[string]any) map[string]any {
	for {
		ref, ok := schema["$ref"].(string)
		if !ok {
			return schema
		}
		var v any = d.root
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ := v.(map[string]any)
			v = m[step]
		}
		schema, _ = v.(map[string]any)
	}
}

// collect remembers the choices of fields that have few.
func (d *document) collect(v any, name string) {
	switch v := v.(type) {
	case map[string]any:
		if parameter, ok := v["name"].(string); ok && v["in"] != nil {
			name = parameter
		}
		if enum, ok := v["enum"].([]any); ok && name != "" {
			for _, item := range enum {
				if text, ok := item.(string); ok && !slices.Contains(d.enums[name], text) {
					d.enums[name] = append(d.enums[name], text)
				}
			}
		}
		for _, key := range sortedKeys(v) {
			inner := name
			if key != "items" && key != "schema" && key != "anyOf" && key != "oneOf" {
				inner = key
			}
			d.collect(v[key], inner)
		}
	case []any:
		for _, item := range v {
			d.collect(item, name)
		}
	}
}

// find returns the operation that a request reaches, or nil.
func (d *document) find(method, path string) *operation {
	if method == "HEAD" {
		method = "GET"
	}
	var found *operation
	for _, o := range d.operations {
		switch {
		case o.method != method || !o.pattern.MatchString(path):
		case !strings.Contains(o.path, "{"):
			return o
		case found == nil || literal(o.path) > literal(found.path):
			found = o
		}
	}
	return found
}

// literal is the length of a path without its parameters.
func literal(path string) int {
	n := 0
	for _, step := range strings.Split(path, "/") {
		if !strings.HasPrefix(step, "{") {
			n += len(step)
		}
	}
	return n
}
