package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

// connection is how the commands that call the admin API find it and get in.
type connection struct {
	app       *app
	url       string
	tokenFile string
	tls       client.TLSFiles
}

// connect adds the flags of a connection to a command and those below it. No
// flag takes the token itself: command lines can be read by everybody on the
// machine.
func (a *app) connect(cmd *cobra.Command) *connection {
	c := &connection{app: a}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.url, "admin", "", "address of the admin API (default "+envAdminURL+", or "+client.DefaultURL+")")
	flags.StringVar(&c.tokenFile, "token-file", "", "file with the token, or - for standard input (default the token in "+envAdminToken+")")
	flags.StringVar(&c.tls.CA, "ca", "", "PEM file with the authority that vouches for the server")
	flags.StringVar(&c.tls.Cert, "cert", "", "PEM file with the client certificate")
	flags.StringVar(&c.tls.Key, "key", "", "PEM file with the key of the client certificate")
	for _, file := range []string{"token-file", "ca", "cert", "key"} {
		_ = cmd.MarkPersistentFlagFilename(file) // the flag is there
	}
	return c
}

// maxToken bounds the file of a token, in bytes.
const maxToken = 64 << 10

func (c *connection) open() (*client.Client, error) {
	token := strings.TrimSpace(c.app.getenv(envAdminToken))
	if c.tokenFile != "" {
		var err error
		if token, err = c.readToken(); err != nil {
			return nil, inputError(err)
		}
	}
	tls, err := c.tls.Config()
	if err != nil {
		return nil, inputError(err)
	}
	api, err := client.New(client.Options{
		URL: cmp.Or(c.url, c.app.getenv(envAdminURL)), Token: token, TLS: tls, UserAgent: "custodian/" + c.app.build.Version,
	})
	if err != nil {
		return nil, inputError(err)
	}
	return api, nil
}

func (c *connection) readToken() (string, error) {
	in := c.app.in
	if c.tokenFile != "-" {
		file, err := os.Open(c.tokenFile)
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		defer func() { _ = file.Close() }() // only read from
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxToken))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("reading the token: %s is empty", c.tokenFile)
	}
	return token, nil
}

// call makes the function of a command from one that uses the API. An interrupt
// ends the wait, not what was asked for.
func (c *connection) call(fn func(ctx context.Context, api *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return interruptible(func(cmd *cobra.Command, args []string) error {
		api, err := c.open()
		if err != nil {
			return err
		}
		defer api.Close()
		err = fn(cmd.Context(), api, args)
		if errors.Is(err, context.Canceled) {
			err = advise(err, "custodian instance list; the supervisor may go on with what it was asked for")
		}
		return err
	})
}

// interruptible lets a signal end the context of a command, which ends in good order
// then. The next signal ends the process, as it would any other.
func interruptible(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
}

// completionTimeout bounds how long a shell waits for the names of instances.
const completionTimeout = 2 * time.Second

// names completes the names of instances from what the supervisor runs.
func (c *connection) names(several bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		api, err := c.open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer api.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		list, err := api.Instances(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []cobra.Completion
		given := make(map[string]bool, len(args))
		for _, name := range args {
			given[name] = true
		}
		for _, i := range list {
			if strings.HasPrefix(i.Name, begun) && !given[i.Name] {
				out = append(out, cobra.CompletionWithDesc(i.Name, i.State))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
