package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "man", Short: "Print the manual page", Args: exactly(),
		Long:    "Print the manual page of this program with all of its commands, as man(7) reads it.",
		Example: "  custodian man | man -l -\n  custodian man > custodian.1",
	}
	markdown := cmd.Flags().Bool("markdown", false, "print it as Markdown")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *markdown {
			return reference(a.out, cmd.Root())
		}
		return manual(a.out, cmd.Root(), a.build.Version)
	}
	return cmd
}

// manual writes the manual page of a command and of all below it.
func manual(out io.Writer, root *cobra.Command, version string) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" %q %q\n", strings.ToUpper(root.Name()), root.Name()+" "+version, "User commands")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(root.Name()), roff(root.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I command\n[\\fIarguments\\fR] [\\fIoptions\\fR]\n", roff(root.Name()))
	b.WriteString(".SH DESCRIPTION\n")
	prose(&b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	commandsOf(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, ".SS %s\n", roff(usageOf(cmd)))
		text := cmd.Long
		if text == "" {
			text = cmd.Short + "."
		}
		prose(&b, text)
		optionsOf(cmd, func(f *pflag.Flag) { option(&b, f) })
		if cmd.Example != "" {
			b.WriteString(".PP\nExamples:\n")
			verbatim(&b, cmd.Example)
		}
	})
	b.WriteString(".SH SEE ALSO\nThe documentation of the program's own port: /openapi.json of the admin API and of each instance.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// usageOf returns how a command is called.
func usageOf(cmd *cobra.Command) string { return cmd.Parent().CommandPath() + " " + cmd.Use }

// commandsOf calls fn with each command that does something, in order.
func commandsOf(cmd *cobra.Command, fn func(*cobra.Command)) {
	for _, c := range cmd.Commands() {
		if c.Hidden {
			continue
		}
		if !c.HasSubCommands() {
			fn(c)
		}
		commandsOf(c, fn)
	}
}

// optionsOf calls fn with each option of a command: its own, and those of the groups
// that it is in.
func optionsOf(cmd *cobra.Command, fn func(*pflag.Flag)) {
	for _, flags := range []*pflag.FlagSet{cmd.NonInheritedFlags(), cmd.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				fn(f)
			}
		})
	}
}

// standard is the default of an option, "" where it is the type's zero value.
func standard(f *pflag.Flag) string {
	switch f.DefValue {
	case "false", "0", "0s", "[]":
		return ""
	}
	return f.DefValue
}

func option(b *strings.Builder, f *pflag.Flag) {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	value, usage := pflag.UnquoteUsage(f)
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(name))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	if value := standard(f); value != "" {
		usage += " (default " + value + ")"
	}
	fmt.Fprintf(b, "\n%s\n", roff(usage))
}

// prose writes text whose lines are filled, but for those that are indented.
func prose(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(paragraph, " ") {
			verbatim(b, paragraph)
			continue
		}
		fmt.Fprintf(b, ".PP\n%s\n", roff(paragraph))
	}
}

// verbatim writes lines as they are.
func verbatim(b *strings.Builder, text string) {
	fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(text))
}

// roff escapes text: marks that mean something to roff, what is not ASCII, and lines that would be taken
// for its requests.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`).Replace(text)
	var plain strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			plain.WriteRune(r)
		} else {
			fmt.Fprintf(&plain, `\[u%04X]`, r)
		}
	}
	lines := strings.Split(plain.String(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
