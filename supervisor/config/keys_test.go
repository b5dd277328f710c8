package config_test

import (
	"slices"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// A reference has each key once, with the variables that there are.
func TestTheReferenceHasEveryKey(t *testing.T) {
	t.Parallel()
	seen := make(map[string]config.Key)
	var variables []string
	for _, k := range config.Reference() {
		if _, twice := seen[k.Path]; twice {
			t.Errorf("%s is there twice", k.Path)
		}
		seen[k.Path] = k
		if k.Value == "" || k.Owner == nil || k.Field == "" {
			t.Errorf("%s says too little: %+v", k.Path, k)
		}
		if k.Variable != "" {
			variables = append(variables, k.Variable)
		}
	}
	slices.Sort(variables)
	if want := config.EnvNames(); !slices.Equal(variables, want) {
		t.Errorf("variables %q, want %q", variables, want)
	}
	for path, want := range map[string]config.Key{
		"storage.driver":                      {Value: "`sqlite`, `memory`, `postgres`", Default: "sqlite", Variable: "CUSTODIAN_STORAGE_DRIVER", Flag: "--storage-driver"},
		"storage.postgres.max_connections":    {Value: "whole number, 4 to 10000", Default: "80", Variable: "CUSTODIAN_STORAGE_POSTGRES_MAX_CONNECTIONS"},
		"storage.postgres":                    {Value: "keys", Group: true},
		"ports.http":                          {Value: "range of ports", Default: "8080-8999", Variable: "CUSTODIAN_PORTS_HTTP", Flag: "--ports-http"},
		"admin.tokens":                        {Value: "list, at most 1000", Variable: "CUSTODIAN_ADMIN_TOKENS"},
		"instances[].opening.accounts[].type": {Value: "`MASTER`, `SEGREGATED`", Default: "MASTER"},
		"defaults.accounts.auto_open":         {Value: "true or false", Default: "true", Variable: "CUSTODIAN_DEFAULTS_ACCOUNTS_AUTO_OPEN"},
		"defaults.rails.*.fee.rate":           {Value: "decimal, 0 to 1"},
		"defaults.rails.*.kinds":              {Value: "list of `cash`, `crypto`, `security`"},
		"defaults.webhooks.timeout":           {Value: "duration, 100ms to 5m", Default: "15s", Variable: "CUSTODIAN_DEFAULTS_WEBHOOKS_TIMEOUT"},
		"defaults.policies[].velocity.window": {Value: "duration, 1h to 168h"},
	} {
		got, found := seen[path]
		want.Path, want.Owner, want.Field = path, got.Owner, got.Field
		if !found || got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}
