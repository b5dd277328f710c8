// Command openapilint looks for mistakes in an OpenAPI document.
//
//	openapilint CONFIGURATION < DOCUMENT
//
// It runs the rules of github.com/speakeasy-api/openapi, whose own command is not
// published as a module, and holds every example against its schema. Whatever it
// finds, hints as well, makes it fail.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapilint CONFIGURATION < DOCUMENT")
		os.Exit(2)
	}
	if err := lint(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func lint(ctx context.Context, configuration string, document io.Reader) error {
	config, err := linter.LoadConfigFromFile(configuration)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(document)
	if err != nil {
		return err
	}
	doc, mistakes, err := openapi.Unmarshal(ctx, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	l, err := rules.NewLinter(config)
	if err != nil {
		return err
	}
	found, err := l.Lint(ctx, linter.NewDocumentInfo(doc, "openapi.json"), mistakes, nil)
	if err != nil {
		return err
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	return errors.Join(append(found.Results, checkExamples(parsed)...)...)
}
