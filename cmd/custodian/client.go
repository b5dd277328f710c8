package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

// remote holds the flags that say where the admin API is.
type remote struct {
	env       streams
	url       string
	tokenFile string
	tls       client.TLSFiles
}

// addRemote adds the flags of a command that talks to a running supervisor.
func addRemote(cmd *cobra.Command, s streams) *remote {
	r := &remote{env: s}
	flags := cmd.PersistentFlags()
	flags.StringVar(&r.url, "admin", "", "URL of the admin API (default $"+envURL+" or "+client.DefaultURL+")")
	flags.StringVar(&r.tokenFile, "token-file", "", "file with the token (default $"+envToken+")")
	flags.StringVar(&r.tls.CA, "ca", "", "PEM file with the authorities to trust")
	flags.StringVar(&r.tls.Cert, "cert", "", "PEM file with the client's certificate")
	flags.StringVar(&r.tls.Key, "key", "", "PEM file with the client's key")
	return r
}

// connect returns a client. It connects to nothing yet.
func (r *remote) connect() (*client.Client, error) {
	o := client.Options{URL: r.url, Token: r.env.getenv(envToken)}
	if o.URL == "" {
		o.URL = r.env.getenv(envURL)
	}
	if r.tokenFile != "" {
		data, err := os.ReadFile(r.tokenFile)
		if err != nil {
			return nil, badInput(fmt.Errorf("--token-file: %w", err))
		}
		o.Token = string(bytes.TrimSpace(data))
		if o.Token == "" {
			return nil, badInput(errors.New("--token-file: the file is empty"))
		}
	}
	if r.tls != (client.TLSFiles{}) {
		config, err := r.tls.Config()
		if err != nil {
			return nil, badInput(err)
		}
		o.TLS = config
	}
	c, err := client.New(o)
	return c, badInput(err)
}
