package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// versionInfo says which program this is.
func versionInfo() wire.Version {
	v := wire.Version{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Version == "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Built = s.Value
		}
	}
	return v
}

func newVersion(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Show the version of the program", Args: cobra.NoArgs}
	format := addOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		v := versionInfo()
		if *format == "json" {
			return printJSON(s.out, v)
		}
		line := fmt.Sprintf("custodian %s %s %s/%s", v.Version, v.Go, v.OS, v.Arch)
		if v.Commit != "" {
			line += " " + v.Commit
		}
		_, err := fmt.Fprintln(s.out, line)
		return err
	}
	return cmd
}
