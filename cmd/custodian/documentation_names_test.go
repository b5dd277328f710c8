package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	ourCommand = regexp.MustCompile(`(?m)(?:^|[\s(|;&])(?:bin/)?custodian((?:[ \t]+[^\s|;&<>()#]+)+)`)
	makeTarget = regexp.MustCompile(`(?m)(?:^|[\s(|;&])make((?:[ \t]+[^\s|;&<>()#]+)+)`)
	aComment   = regexp.MustCompile(`(?m)(^|[ \t])#.*$`)
	longFlag   = regexp.MustCompile(`^--[a-z]`)
)

// named calls check with each piece of the documentation that is a command, or names one.
func named(t *testing.T, check func(where, text string)) {
	t.Helper()
	for _, p := range readPages(t) {
		for _, s := range p.spans {
			if first, _, _ := strings.Cut(s.text, " "); first == "custodian" || first == "bin/custodian" || first == "make" || longFlag.MatchString(first) {
				check(p.at(s.line), s.text)
			}
		}
		for _, b := range p.parts {
			switch {
			case b.comment, b.kind == source, b.kind == document, b.kind == unknown:
			case b.kind == session:
				for _, e := range b.examples() {
					check(p.at(e.line), aComment.ReplaceAllString(e.command, "$1"))
				}
			default:
				check(p.at(b.line), aComment.ReplaceAllString(b.text, "$1"))
			}
		}
	}
}

func TestEveryCommandAndOptionThatIsDocumentedExists(t *testing.T) {
	t.Parallel()
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	count := 0
	anywhere := make(map[string]bool)
	commandsOf(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { anywhere[f.Name] = true })
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { anywhere[f.Name] = true })
	})
	named(t, func(where, text string) {
		if longFlag.MatchString(text) {
			count++
			if name := flagName(strings.Fields(text)[0]); !anywhere[name] {
				t.Errorf("%s: no command has the option --%s", where, name)
			}
		}
		for _, found := range ourCommand.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
			count++
			if err := exists(root, strings.Fields(found[1])); err != nil {
				t.Errorf("%s: custodian%s: %v", where, found[1], err)
			}
		}
	})
	if count < 100 {
		t.Errorf("only %d commands were found", count)
	}
}

func flagName(word string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	return name
}

// exists looks for the command that the words begin with, and for the options among them.
func exists(cmd *cobra.Command, words []string) error {
	for _, word := range words {
		if longFlag.MatchString(word) {
			if name := flagName(word); name != "help" && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				return fmt.Errorf("%s has no option --%s", cmd.CommandPath(), name)
			}
			continue
		}
		if !cmd.HasSubCommands() || strings.HasPrefix(word, "-") {
			continue
		}
		at := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		if at < 0 {
			return fmt.Errorf("%s has no command %s", cmd.CommandPath(), word)
		}
		cmd = cmd.Commands()[at]
	}
	return nil
}

func TestEveryTargetThatIsDocumentedExists(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	makefile := string(content)
	targets := make(map[string]bool)
	for _, found := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(makefile, -1) {
		targets[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`(?m)^TOOL_([a-z-]+)\s*:=`).FindAllStringSubmatch(makefile, -1) {
		targets["tool-"+found[1]] = true
	}
	count := 0
	named(t, func(where, text string) {
		for _, found := range makeTarget.FindAllStringSubmatch(text, -1) {
			for _, word := range strings.Fields(found[1]) {
				count++
				variable, _, sets := strings.Cut(word, "=")
				switch {
				case strings.HasPrefix(word, "-"): // make's own
				case sets && !strings.Contains(makefile, "$("+variable+")"):
					t.Errorf("%s: the Makefile does not use %s", where, variable)
				case !sets && !targets[word]:
					t.Errorf("%s: there is no target %s", where, word)
				}
			}
		}
	})
	if count < 30 {
		t.Errorf("only %d targets and variables were found", count)
	}
}
