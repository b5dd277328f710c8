package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate", Short: "Check a configuration and show what it comes to", Args: exactly(),
		Long: `Check a configuration: keys, values, and conflicts of names, ports, schemas and
Redis prefixes. All mistakes are reported at once, one per line, and the exit
code is 2. Nothing is started and no server is asked.`,
		Example: "  custodian validate --config configs/local.yaml",
	}
	_, load := a.sources(cmd)
	output := addFormat(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := load()
		if output.json() {
			return a.validationJSON(cfg, err)
		}
		if err != nil {
			return err
		}
		return a.validationTable(planned(cfg))
	}
	return cmd
}

// plannedInstance is an instance as it would run.
type plannedInstance struct {
	Name        string `json:"name"`
	HTTPPort    int    `json:"http_port"`
	GRPCPort    int    `json:"grpc_port"`
	Storage     string `json:"storage"`
	Schema      string `json:"schema"`
	Redis       string `json:"redis"`
	RedisPrefix string `json:"redis_prefix"`
}

func planned(cfg config.Config) []plannedInstance {
	ports, _ := config.Plan(cfg, nil) // its problems are those of the check
	out := make([]plannedInstance, 0, len(cfg.Instances))
	for _, entry := range cfg.Instances {
		i := cfg.Resolve(entry)
		out = append(out, plannedInstance{
			Name: i.Name, HTTPPort: ports[i.Name].HTTP, GRPCPort: ports[i.Name].GRPC,
			Storage: i.Storage.Driver, Schema: i.Schema, Redis: i.Redis.Driver, RedisPrefix: i.RedisPrefix,
		})
	}
	return out
}

func (a *app) validationTable(list []plannedInstance) error {
	if _, err := fmt.Fprintf(a.out, "ok: %s\n", count(len(list), "instance")); err != nil || len(list) == 0 {
		return err
	}
	var t table
	t.row("NAME", "HTTP", "GRPC", "STORAGE", "SCHEMA", "REDIS", "PREFIX")
	for _, i := range list {
		t.row(i.Name, strconv.Itoa(i.HTTPPort), strconv.Itoa(i.GRPCPort), i.Storage, i.Schema, i.Redis, i.RedisPrefix)
	}
	return t.print(a.out)
}

func (a *app) validationJSON(cfg config.Config, err error) error {
	if err == nil {
		return printJSON(a.out, struct {
			OK        bool              `json:"ok"`
			Instances []plannedInstance `json:"instances"`
		}{true, planned(cfg)})
	}
	problems, ok := errors.AsType[*config.Problems](err)
	if !ok {
		return err
	}
	if err := printJSON(a.out, struct {
		OK bool `json:"ok"`
		*config.Problems
	}{false, problems}); err != nil {
		return err
	}
	return &failure{code: codeInput}
}

// count words a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
