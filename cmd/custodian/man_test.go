package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestTheManualHasEveryCommandAndOption(t *testing.T) {
	t.Parallel()
	got := command(t, "", nil, "man")
	if got.code != 0 {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	if !strings.HasPrefix(got.out, ".TH CUSTODIAN 1") {
		t.Errorf("it begins with %.60q", got.out)
	}
	count, options := 0, 0
	commandsOf((&app{}).root(), func(cmd *cobra.Command) {
		count++
		if !strings.Contains(got.out, "\n.SS "+roff(usageOf(cmd))+"\n") {
			t.Errorf("%s is missing", cmd.CommandPath())
		}
		_, section, _ := strings.Cut(got.out, "\n.SS "+roff(usageOf(cmd))+"\n")
		section, _, _ = strings.Cut(section, "\n.SS ")
		help := command(t, "", nil, append(strings.Fields(cmd.CommandPath())[1:], "--help")...)
		optionsOf(cmd, func(f *pflag.Flag) {
			if !strings.Contains(section, roff("--"+f.Name)+`\fR`) {
				t.Errorf("%s: --%s is missing", cmd.CommandPath(), f.Name)
			}
			if !strings.Contains(help.out, " --"+f.Name) {
				t.Errorf("%s --help lacks --%s:\n%s", cmd.CommandPath(), f.Name, help.out)
			}
			options++
		})
	})
	if count < 20 || options < 100 {
		t.Errorf("only %d commands and %d options were looked for", count, options)
	}
	// The group's own, at one of its commands.
	if _, section, _ := strings.Cut(got.out, "\n.SS custodian instance list\n"); !strings.Contains(strings.Split(section, "\n.SS ")[0], "token\\-file") {
		t.Errorf("instance list lacks the options of its group:\n%.2000s", section)
	}
	for line := range strings.SplitSeq(got.out, "\n") {
		if strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".TH ") && !strings.HasPrefix(line, ".SH ") && !strings.HasPrefix(line, ".SS ") &&
			line != ".PP" && line != ".TP" && line != ".nf" && line != ".fi" && line != ".B custodian" && line != ".I command" {
			t.Errorf("not a request that is meant: %s", line)
		}
	}
	// Where groff is installed it has nothing to complain about.
	groff, err := exec.LookPath("groff")
	if err != nil {
		return
	}
	format := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z")
	format.Stdin = strings.NewReader(got.out)
	var complaints bytes.Buffer
	format.Stderr = &complaints
	if err := format.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, complaints.String())
	}
}

func TestTheReferenceIsThatOfTheCommands(t *testing.T) {
	t.Parallel()
	got := command(t, "", nil, "man", "--markdown")
	if got.code != 0 {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	sections := make(map[string]string)
	for section := range strings.SplitSeq(got.out, "\n## ") {
		name, text, _ := strings.Cut(section, "\n")
		sections[name] = text
	}
	commandsOf((&app{}).root(), func(cmd *cobra.Command) {
		section := sections[cmd.CommandPath()]
		if !strings.Contains(section, "\n    "+usageOf(cmd)+"\n") {
			t.Errorf("%s is missing", cmd.CommandPath())
		}
		for _, options := range []*pflag.FlagSet{cmd.NonInheritedFlags(), cmd.InheritedFlags()} {
			options.VisitAll(func(f *pflag.Flag) {
				if !f.Hidden && f.Name != "help" && !strings.Contains(section, "--"+f.Name) {
					t.Errorf("%s: --%s is missing", cmd.CommandPath(), f.Name)
				}
			})
		}
	})
	file, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(file) != got.out {
		t.Error("README.md differs from what the commands say: run make generate")
	}
}
