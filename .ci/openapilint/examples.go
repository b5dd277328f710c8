package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const documentURL = "urn:openapi"

// checkExamples returns an error for each example that its schema does not allow:
// those of schemas, and of parameters and headers.
func checkExamples(document any) []error {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, document); err != nil {
		return []error{err}
	}
	var found []error
	check := func(pointer string, examples ...any) {
		schema, err := compiler.Compile(documentURL + "#" + pointer)
		if err != nil {
			found = append(found, err)
			return
		}
		for _, example := range examples {
			if err := schema.Validate(example); err != nil {
				found = append(found, fmt.Errorf("%s: the example %v is not what the schema allows: %w", pointer, example, err))
			}
		}
	}
	var walk func(pointer string, at any)
	walk = func(pointer string, at any) {
		switch at := at.(type) {
		case map[string]any:
			if examples, ok := at["examples"].([]any); ok {
				check(pointer, examples...)
			}
			if example, ok := at["example"]; ok && at["schema"] != nil {
				check(pointer+"/schema", example)
			}
			for name, member := range at {
				walk(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), member)
			}
		case []any:
			for i, member := range at {
				walk(pointer+"/"+strconv.Itoa(i), member)
			}
		}
	}
	walk("", document)
	return found
}
