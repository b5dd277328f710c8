package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// buildVersion describes this program, from what the linker was told and what
// Go records in every binary.
func buildVersion() wire.Version {
	v := wire.Version{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		v.Version = cmp.Or(v.Version, "unknown")
		return v
	}
	v.Version = cmp.Or(v.Version, strings.Trim(info.Main.Version, "()"), "unknown")
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Commit = setting.Value
		case "vcs.time":
			v.Built = setting.Value
		}
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Say which program this is", Args: exactly()}
	output := addFormat(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if output.json() {
			return printJSON(a.out, a.build)
		}
		parts := []string{a.build.Go, a.build.OS + "/" + a.build.Arch}
		if a.build.Commit != "" {
			parts = append([]string{"commit " + a.build.Commit[:min(12, len(a.build.Commit))]}, parts...)
		}
		_, err := fmt.Fprintf(a.out, "custodian %s (%s)\n", a.build.Version, strings.Join(parts, ", "))
		return err
	}
	return cmd
}
