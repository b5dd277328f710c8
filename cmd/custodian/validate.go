package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// planned is one instance as a configuration would run it.
type planned struct {
	Name        string `json:"name"`
	HTTPPort    int    `json:"http_port"`
	GRPCPort    int    `json:"grpc_port"`
	Storage     string `json:"storage"`
	Schema      string `json:"schema"`
	RedisPrefix string `json:"redis_prefix"`
}

func newValidate(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate", Short: "Check a configuration and report every mistake in it", Args: cobra.NoArgs,
		Example: "  custodian validate --config configs/local.yaml",
	}
	src := addSource(cmd, s)
	format := addOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		ports, problems := config.Plan(cfg, nil)
		if len(problems) > 0 {
			return badInput(&config.Problems{List: problems})
		}
		instances := make([]planned, 0, len(cfg.Instances))
		for _, entry := range cfg.Instances {
			r := cfg.Resolve(entry)
			pair := ports[r.Name]
			instances = append(instances, planned{r.Name, pair.HTTP, pair.GRPC, r.Storage.Driver, r.Schema, r.RedisPrefix})
		}
		if *format == "json" {
			return printJSON(s.out, map[string]any{"valid": true, "instances": instances})
		}
		if _, err := fmt.Fprintf(s.out, "ok: %d instances\n", len(instances)); err != nil || len(instances) == 0 {
			return err
		}
		t := newTable(s.out, "NAME", "HTTP", "GRPC", "STORAGE", "SCHEMA", "REDIS PREFIX")
		for _, i := range instances {
			t.row(i.Name, i.HTTPPort, i.GRPCPort, i.Storage, i.Schema, i.RedisPrefix)
		}
		return t.flush()
	}
	return cmd
}
