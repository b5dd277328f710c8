package main

import (
	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Variables of the commands that call the admin API; the configuration has no
// keys of these names.
const (
	envAdminURL   = "CUSTODIAN_ADMIN_URL"
	envAdminToken = "CUSTODIAN_ADMIN_TOKEN"
)

// sources adds the flags that say where a configuration comes from, and returns
// what reads it.
func (a *app) sources(cmd *cobra.Command) (files *[]string, load func() (config.Config, error)) {
	files = cmd.Flags().StringArrayP("config", "c", nil, "configuration file; repeatable, later ones win (none: one custodian from the environment)")
	config.AddFlags(cmd.Flags())
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // the flag is there, and so is the next
	_ = cmd.MarkFlagDirname("data-dir")
	completeFrom(cmd, "log-level", logLevels...)
	completeFrom(cmd, "log-format", "json", "console")
	completeFrom(cmd, "storage-driver", storageDrivers...)
	completeFrom(cmd, "redis-driver", redisDrivers...)
	return files, func() (config.Config, error) {
		return config.Load(config.Options{
			Files: *files, Env: a.env, OtherEnv: []string{envAdminURL, envAdminToken, envPostgresAdmin, envRedisAdmin}, Flags: cmd.Flags(),
		})
	}
}
