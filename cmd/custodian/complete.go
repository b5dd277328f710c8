package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// What a shell completes the values of options to.
var (
	logLevels      = []string{"debug", "info", "warn", "error"}
	storageDrivers = []string{config.StorageSQLite, config.StorageMemory, config.StoragePostgres}
	redisDrivers   = []string{config.RedisEmbedded, config.RedisServer, config.RedisOff}
)

// completeFrom completes the value of an option of a command from a list.
func completeFrom(cmd *cobra.Command, option string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the option is there
}

// completionTimeout bounds how long a shell waits for the names of instances.
const completionTimeout = time.Second

// names completes the names of instances from what the supervisor runs, one or
// several as arguments. They come with their states.
func (c *connection) names(several bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.instances(cmd, args, begun)
	}
}

// nameThenFile completes the name of an instance, and a file behind it.
func (c *connection) nameThenFile(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return c.names(false)(cmd, args, begun)
}

// name completes the name of an instance as the value of an option.
func (c *connection) name(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return c.instances(cmd, nil, begun)
}

// instances are those whose names go on as they begin and that are not given already.
func (c *connection) instances(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	api, err := c.open()
	if err != nil {
		return nil, directive
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	list, err := api.Instances(ctx)
	if err != nil {
		return nil, directive
	}
	var out []cobra.Completion
	seen := make(map[string]bool, len(given))
	for _, name := range given {
		seen[name] = true
	}
	for _, i := range list {
		if strings.HasPrefix(i.Name, begun) && !seen[i.Name] {
			out = append(out, cobra.CompletionWithDesc(i.Name, i.State))
		}
	}
	return out, directive
}

// configured completes the name of an instance of the configuration.
func configured(load func() (config.Config, error)) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		cfg, err := load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []cobra.Completion
		for _, i := range cfg.Instances {
			out = append(out, i.Name)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
