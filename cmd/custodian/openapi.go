package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
)

func (a *app) openapiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "openapi instance|admin", Short: "Print the OpenAPI document of an interface",
		Long: `Print the OpenAPI document of the interface of instances, or of the admin API,
for generators and linters. It is the one that a running program serves at
/openapi.json, where that of an instance with API keys says so in addition.`,
		Example: "  custodian openapi instance > custodian.json",
		Args:    exactly("instance or admin"), ValidArgs: []string{"instance", "admin"},
		RunE: func(cmd *cobra.Command, args []string) error {
			document := admin.Document
			switch args[0] {
			case "admin":
			case "instance":
				document = func() ([]byte, error) { return httpapi.Document(false) }
			default:
				return usageError(cmd, fmt.Errorf("%q has no document: it must be instance or admin", args[0]))
			}
			text, err := document()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s\n", text)
			return err
		},
	}
}
