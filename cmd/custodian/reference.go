package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

//go:generate sh -c "go run . man --markdown > README.md.new && mv README.md.new README.md"

// reference writes what [manual] writes as Markdown, for the pages of documentation, with the options that a
// command has of the group it is in. It does not tell the version, so that it changes only with the commands.
func reference(out io.Writer, root *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# The command `%s`\n\n<!-- Made by go generate of the commands; change them, not this. -->\n\n<!-- play: with PostgreSQL and Redis -->\n", root.Name())
	markdownProse(&b, root.Long)
	commandsOf(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n    %s\n", markdown(cmd.CommandPath()), usageOf(cmd))
		text := cmd.Long
		if text == "" {
			text = cmd.Short + "."
		}
		markdownProse(&b, text)
		var options strings.Builder
		optionsOf(cmd, func(f *pflag.Flag) { markdownOption(&options, f) })
		if options.Len() > 0 {
			b.WriteString("\n| option | | default |\n| --- | --- | --- |\n" + options.String())
		}
		if cmd.Example != "" {
			b.WriteString("\nExamples:\n")
			markdownVerbatim(&b, cmd.Example)
		}
	})
	_, err := io.WriteString(out, b.String())
	return err
}

// markdownOption writes the row of an option.
func markdownOption(b *strings.Builder, f *pflag.Flag) {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	value, usage := pflag.UnquoteUsage(f)
	if value != "" {
		name += " " + value
	}
	value = standard(f)
	if value != "" {
		value = "`" + value + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(markdown(usage), "|", `\|`), strings.ReplaceAll(value, "|", `\|`))
}

// markdownProse writes paragraphs: those that are indented as they are, the others filled by who shows them.
func markdownProse(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.HasPrefix(paragraph, "\t") {
			markdownVerbatim(b, paragraph)
			continue
		}
		fmt.Fprintf(b, "\n%s\n", markdown(strings.TrimLeft(paragraph, "# ")))
	}
}

// markdownVerbatim writes lines as they are.
func markdownVerbatim(b *strings.Builder, text string) {
	b.WriteString("\n")
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			b.WriteString("\n")
			continue
		}
		fmt.Fprintf(b, "    %s\n", line)
	}
}

// markdown escapes what would mean something to Markdown within a line.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`).Replace(text)
}
