package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// Output formats: tables for people, JSON for programs.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// format is the value of the flag --output.
type format string

// String returns the format.
func (f *format) String() string { return string(*f) }

// Type names the value in help texts.
func (f *format) Type() string { return "format" }

// Set refuses unknown formats.
func (f *format) Set(text string) error {
	if text != formatTable && text != formatJSON {
		return fmt.Errorf("must be %s or %s", formatTable, formatJSON)
	}
	*f = format(text)
	return nil
}

func (f *format) json() bool { return *f == formatJSON }

// addFormat adds the flag --output.
func addFormat(cmd *cobra.Command) *format {
	f := format(formatTable)
	cmd.Flags().VarP(&f, "output", "o", "table, for people, or json, for programs")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return &f
}

// printJSON writes a value as indented JSON.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// table is lines of cells in aligned columns.
type table struct{ rows [][]string }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table; columns are two blanks apart and no line ends in
// blanks.
func (t *table) print(w io.Writer) error {
	var text strings.Builder
	tabs := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, row := range t.rows {
		for n, cell := range row {
			if n > 0 {
				_, _ = tabs.Write([]byte{'\t'}) // a Builder never fails
			}
			_, _ = tabs.Write([]byte(oneLine(cell)))
		}
		_, _ = tabs.Write([]byte{'\n'})
	}
	_ = tabs.Flush()
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// dash stands in a table where there is nothing.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
