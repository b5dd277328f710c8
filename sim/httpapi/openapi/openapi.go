// Package openapi builds an OpenAPI 3.1 document from a table of operations
// and the Go types of their bodies.
//
// The types' json tags name the fields, those without omitempty are required;
// the tags doc, example, enum, format, pattern, minimum, maximum, minLength and
// maxLength describe them further.
package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Info describes the document as a whole.
type Info struct {
	Title       string
	Version     string
	Description string
	// Tags are the groups of operations, in the order of their presentation.
	Tags []Tag
	// BearerAuth documents that operations may demand a bearer token.
	BearerAuth bool
	// APIKeys documents that operations that are not open demand an API key.
	APIKeys bool
	// Admin documents the admin API, whose error answers have some codes of their own.
	Admin bool
	// Problem is a value of the type of error answers; nil means
	// [problem.Problem].
	Problem any
	// Parameters describes parameters, by name, where the operation has nothing
	// special to say of them.
	Parameters map[string]string
	// Schemas describes the types of bodies, by their names in the document.
	Schemas map[string]string
}

// Tag describes a group of operations.
type Tag struct{ Name, Description string }

// Operation is one method on one path.
type Operation struct {
	Method string
	// Path has its parameters in braces, as chi and OpenAPI both write them.
	Path string
	// ID is unique in the document.
	ID          string
	Summary     string
	Description string
	Tag         string
	Query       []Parameter
	Headers     []Parameter
	// Body is a value of the request body's type; nil for none.
	Body any
	// BodyType is the media type of the body; empty for application/json.
	BodyType string
	// BodyOptional documents that the body may be left out.
	BodyOptional bool
	Answers      []Answer
	// Problems are the statuses of error answers.
	Problems []int
	// Open operations need no API key.
	Open bool
}

// Parameter is a query parameter or a header.
type Parameter struct {
	Name        string
	Description string
	// Type is a value of the parameter's type; nil means a string.
	Type any
	// Enum lists the allowed values, where they are few.
	Enum     []string
	Example  any
	Required bool
}

// Answer is a successful answer.
type Answer struct {
	Status      int
	Description string
	// Body is a value of the answer's type; nil for none.
	Body any
	// MediaType is application/json where it is empty. The body of any other
	// is documented as text.
	MediaType string
	// Headers are names and descriptions.
	Headers map[string]string
}

// Decimal is the type of a request field that takes a decimal as a string or a
// number.
type Decimal string

// decimalPattern is what money.Parse accepts, but for the number of digits.
const decimalPattern = `^-?[0-9]+(\.[0-9]+)?$`

// Schema describes the type.
func (Decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString, Pattern: decimalPattern, Examples: []any{"1.25"}},
		{Type: huma.TypeNumber},
	}}
}

// Text is the type of a body that is text in another format than JSON.
type Text string

// Schema describes the type.
func (Text) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// Object is the type of a free-form JSON object.
type Object json.RawMessage

// Schema describes the type.
func (Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// Build returns the document as JSON. It panics on a table that contradicts
// itself, which is a defect.
func Build(info Info, operations []Operation) ([]byte, error) {
	registry := huma.NewMapRegistry(schemas, nameOf)
	registry.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[Object]())
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: info.Title, Version: info.Version, Description: info.Description,
			License: &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"}},
		Components: &huma.Components{Schemas: registry},
	}
	for _, t := range info.Tags {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: t.Name, Description: t.Description})
	}
	if info.BearerAuth {
		doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "A token of the admin API."}}
		doc.Security = []map[string][]string{{}, {"token": {}}}
	}
	if info.APIKeys {
		doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
			"bearer":  {Type: "http", Scheme: "bearer", Description: "The API key as a bearer token."},
			"api_key": {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "The API key in a header of its own."},
		}
		doc.Security = []map[string][]string{{"bearer": {}}, {"api_key": {}}}
	}
	if info.Problem == nil {
		info.Problem = problem.Problem{}
	}
	for _, decimal := range []reflect.Type{reflect.TypeFor[money.Amount](), reflect.TypeFor[sim.Sum]()} {
		registry.RegisterTypeAlias(decimal, reflect.TypeFor[Decimal]())
	}
	for i := range operations {
		op := convert(registry, &operations[i], info)
		for _, p := range op.Parameters {
			p.Description = cmp.Or(p.Description, info.Parameters[p.Name])
		}
		if info.APIKeys && operations[i].Open {
			op.Security = []map[string][]string{} // none, as opposed to that of the document
		}
		doc.AddOperation(op)
	}
	allowNull(registry)
	for name, description := range info.Schemas {
		schema := registry.Map()[name]
		if schema == nil {
			panic("openapi: " + name + " is described and not used")
		}
		schema.Description = description
	}
	return json.MarshalIndent(doc, "", "  ")
}

// nameOf names the schema of a type. What is asked for and what is answered may
// have the same name in Go.
func nameOf(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if strings.Contains(t.PkgPath(), "/sim/request") {
		name += "Request"
	}
	return name
}

const schemas = "#/components/schemas/"

// allowNull documents that members which are pointers to objects may be null.
// For other pointers the schemas say so already.
func allowNull(registry huma.Registry) {
	for name, schema := range registry.Map() {
		t := registry.TypeFromRef(schemas + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for i := range t.NumField() {
			member, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			property := schema.Properties[member]
			if property == nil || property.Ref == "" || t.Field(i).Type.Kind() != reflect.Pointer || options != "" {
				continue
			}
			schema.Properties[member] = &huma.Schema{Description: t.Field(i).Tag.Get("doc"),
				AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}}
		}
	}
}

var pathParameter = regexp.MustCompile(`\{([a-z_]+)\}`)

func convert(registry huma.Registry, o *Operation, info Info) *huma.Operation {
	out := &huma.Operation{
		Method: o.Method, Path: o.Path, OperationID: o.ID, Summary: o.Summary, Description: o.Description,
		Responses: map[string]*huma.Response{},
	}
	if o.Tag != "" {
		out.Tags = []string{o.Tag}
	}
	for _, m := range pathParameter.FindAllStringSubmatch(o.Path, -1) {
		out.Parameters = append(out.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, p := range o.Query {
		out.Parameters = append(out.Parameters, parameter(registry, "query", p))
	}
	for _, p := range o.Headers {
		out.Parameters = append(out.Parameters, parameter(registry, "header", p))
	}
	if o.Body != nil {
		mediaType := cmp.Or(o.BodyType, "application/json")
		out.RequestBody = &huma.RequestBody{Required: !o.BodyOptional,
			Content: map[string]*huma.MediaType{mediaType: {Schema: schemaOf(registry, o.Body)}}}
	}
	for _, a := range o.Answers {
		addAnswer(registry, out.Responses, a)
	}
	for _, status := range o.Problems {
		key := strconv.Itoa(status)
		if out.Responses[key] != nil {
			panic(fmt.Sprintf("openapi: %s answers %d twice", o.ID, status))
		}
		out.Responses[key] = &huma.Response{Description: failureOf(status, info.Admin), Headers: problemHeaders(status),
			Content: map[string]*huma.MediaType{problem.MediaType: {Schema: schemaOf(registry, info.Problem)}}}
	}
	return out
}

// failureOf describes an error answer by the codes that it may have.
func failureOf(status int, admin bool) string {
	var codes []string
	for _, k := range problem.Kinds() {
		if k.Status == status && (k.Admin && admin || k.Custodian && !admin) {
			codes = append(codes, string(k.Code))
		}
	}
	if codes == nil {
		return http.StatusText(status)
	}
	return http.StatusText(status) + ": " + strings.Join(codes, ", ")
}

// problemHeaders documents the headers of an error answer.
func problemHeaders(status int) map[string]*huma.Param {
	switch status {
	case http.StatusUnauthorized:
		return map[string]*huma.Param{"WWW-Authenticate": {Description: "How to authenticate.", Schema: &huma.Schema{Type: huma.TypeString}}}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return map[string]*huma.Param{"Retry-After": {
			Description: "Seconds after which to try again, where that may help.", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64"},
		}}
	}
	return nil
}

// addAnswer adds an answer; those of the same status are alternatives that
// differ in their media type.
func addAnswer(registry huma.Registry, responses map[string]*huma.Response, a Answer) {
	key := strconv.Itoa(a.Status)
	r := responses[key]
	if r == nil {
		r = &huma.Response{Description: a.Description}
		responses[key] = r
	}
	for name, description := range a.Headers {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		r.Headers[name] = &huma.Header{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	mediaType, schema := a.MediaType, &huma.Schema{Type: huma.TypeString}
	switch {
	case mediaType == "" && a.Body == nil:
		return
	case mediaType == "":
		mediaType, schema = "application/json", schemaOf(registry, a.Body)
	}
	if r.Content == nil {
		r.Content = map[string]*huma.MediaType{}
	}
	r.Content[mediaType] = &huma.MediaType{Schema: schema}
}

func parameter(registry huma.Registry, in string, p Parameter) *huma.Param {
	schema := &huma.Schema{Type: huma.TypeString}
	if p.Type != nil {
		schema = schemaOf(registry, p.Type)
	}
	for _, v := range p.Enum {
		schema.Enum = append(schema.Enum, v)
	}
	return &huma.Param{Name: p.Name, In: in, Description: p.Description, Required: p.Required, Schema: schema, Example: p.Example}
}

func schemaOf(registry huma.Registry, v any) *huma.Schema {
	t := reflect.TypeOf(v)
	return registry.Schema(t, true, t.Name())
}
