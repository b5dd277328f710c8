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

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

// connection is how the commands that call the admin API find it and get in.
type connection struct {
	app       *app
	url       string
	urlFile   string
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
	flags.StringVar(&c.urlFile, "admin-file", "", "file with the address of the admin API, the admin.address_file of the supervisor")
	flags.StringVar(&c.tokenFile, "token-file", "", "file with the token, or - for standard input (default the token in "+envAdminToken+")")
	flags.StringVar(&c.tls.CA, "ca", "", "PEM file with the authority that vouches for the server")
	flags.StringVar(&c.tls.Cert, "cert", "", "PEM file with the client certificate")
	flags.StringVar(&c.tls.Key, "key", "", "PEM file with the key of the client certificate")
	for _, file := range []string{"admin-file", "token-file", "ca", "cert", "key"} {
		_ = cmd.MarkPersistentFlagFilename(file) // the flag is there
	}
	return c
}

// maxToken bounds the file of a token, in bytes.
const maxToken = 64 << 10

func (c *connection) open() (*client.Client, error) {
	address := cmp.Or(c.url, c.app.getenv(envAdminURL))
	if c.urlFile != "" {
		if c.url != "" {
			return nil, inputError(errors.New("--admin and --admin-file: the address is given twice"))
		}
		var err error
		if address, err = readAddress(c.urlFile); err != nil {
			return nil, err
		}
	}
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
		URL: address, Token: token, TLS: tls, UserAgent: "custodian/" + c.app.build.Version,
	})
	if err != nil {
		return nil, inputError(err)
	}
	return api, nil
}

func (c *connection) readToken() (string, error) {
	in := c.app.in
	if c.tokenFile != "-" {
		file, err := openFile(c.tokenFile)
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
	return c.connected(func(ctx context.Context, api *client.Client, args []string) error {
		err := fn(ctx, api, args)
		if _, told := errors.AsType[*advised](err); errors.Is(err, context.Canceled) && !told {
			err = advise(err, "custodian instance list; the supervisor may go on with what it was asked for")
		}
		return err
	})
}

func (c *connection) connected(fn func(ctx context.Context, api *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return interruptible(func(cmd *cobra.Command, args []string) error {
		api, err := c.open()
		if err != nil {
			return err
		}
		defer api.Close()
		return fn(cmd.Context(), api, args)
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

// answerTimeout bounds the wait for an answer that the supervisor has at once.
const answerTimeout = 30 * time.Second

// ask is call for a question: nothing goes on, and a supervisor that hangs is given up.
func (c *connection) ask(fn func(ctx context.Context, api *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return c.connected(func(ctx context.Context, api *client.Client, args []string) error {
		defer c.app.screen.Show(func() terminal.Progress {
			return terminal.Progress{What: "waiting for an answer from " + api.URL()}
		})()
		return within(ctx, api, answerTimeout, func(ctx context.Context) error { return fn(ctx, api, args) })
	})
}

// within bounds the wait for an answer.
func within(ctx context.Context, api *client.Client, most time.Duration, fn func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := fn(limited)
	if errors.Is(limited.Err(), context.DeadlineExceeded) && err != nil {
		return advise(fmt.Errorf("%s has not answered within %s", api.URL(), most), "see whether a supervisor serves there and what its log says, or "+correctAddress)
	}
	return err
}
