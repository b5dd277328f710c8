package main

import (
	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Environment variables of the commands that talk to a running supervisor.
const (
	envURL   = "CUSTODIAN_ADMIN_URL"
	envToken = "CUSTODIAN_ADMIN_TOKEN"
)

// source is where a command's configuration comes from.
type source struct {
	files []string
	cmd   *cobra.Command
	env   []string
}

// addSource adds the flags that say where the configuration comes from.
func addSource(cmd *cobra.Command, s streams) *source {
	src := &source{cmd: cmd, env: s.env}
	cmd.Flags().StringArrayVarP(&src.files, "config", "c", nil, "configuration file; may be repeated, later ones win")
	config.AddFlags(cmd.Flags())
	return src
}

// load reads the configuration. Its error ends the program with the code for
// bad input.
func (s *source) load() (config.Config, error) {
	cfg, err := config.Load(config.Options{
		Files: s.files, Env: s.env, OtherEnv: []string{envURL, envToken}, Flags: s.cmd.Flags(),
	})
	return cfg, badInput(err)
}
