package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
)

// Variables that hold the URLs of administrators.
const (
	envPostgresAdmin = "CUSTODIAN_POSTGRES_ADMIN_URL"
	envRedisAdmin    = "CUSTODIAN_REDIS_ADMIN_URL"
)

// provision are the flags of the command.
type provision struct {
	app                     *app
	apply, setPassword      bool
	only                    string
	closed                  []string
	postgresFile, redisFile string
}

func (a *app) provisionCommand() *cobra.Command {
	p := &provision{app: a}
	cmd := &cobra.Command{
		Use: "provision", Short: "Print or apply what an administrator of PostgreSQL and Redis must do once", Args: exactly(),
		Long: `Print what an administrator must do once so that a supervisor with this
configuration can work: in PostgreSQL its role, database and rights, in Redis its
user. With "isolation: role" that includes the right to make a role and a user for
every instance, and takes from everybody what instances must not have. Nothing is
changed and no server is asked, unless --apply is given. All of it may be done
again at any time. No password is ever printed.

With --apply it is done, as the administrator whose URL is in the variable
` + envPostgresAdmin + ` or ` + envRedisAdmin + `, or in a file. A role or user that is
created gets the password of the URL in the configuration; the server is sent
what it needs to check that password, and not the password.`,
		Example: `  custodian provision --config configs/postgres.yaml
  custodian provision --config configs/postgres.yaml --only postgres | psql --no-psqlrc --set ON_ERROR_STOP=1
  custodian provision --config configs/postgres.yaml --apply --postgres-admin-url-file admin.url`,
	}
	_, load := a.sources(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&p.apply, "apply", false, "do it, instead of printing it")
	flags.BoolVar(&p.setPassword, "set-password", false, "with --apply: give a role or user that exists the password of the configuration, too")
	flags.StringVar(&p.only, "only", "", "postgres or redis (default both)")
	flags.StringArrayVar(&p.closed, "close-database", nil, "another database of the PostgreSQL server to which not everybody shall connect any more, such as postgres; repeatable")
	flags.StringVar(&p.postgresFile, "postgres-admin-url-file", "", "file with the URL of PostgreSQL's administrator, or - for standard input (default the URL in "+envPostgresAdmin+")")
	flags.StringVar(&p.redisFile, "redis-admin-url-file", "", "file with the URL of Redis's administrator, or - for standard input (default the URL in "+envRedisAdmin+")")
	for _, file := range []string{"postgres-admin-url-file", "redis-admin-url-file"} {
		_ = cmd.MarkFlagFilename(file) // the flag is there
	}
	completeFrom(cmd, "only", "postgres", "redis")
	cmd.RunE = interruptible(func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains([]string{"", "postgres", "redis"}, p.only) {
			return usageError(cmd, fmt.Errorf("--only is %q, must be postgres or redis", p.only))
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		all, err := supervisor.NewProvisions(cfg)
		if err != nil {
			return inputError(err)
		}
		switch p.only {
		case "postgres":
			all.Redis = nil
		case "redis":
			all.Postgres = nil
		}
		for _, one := range all.Postgres {
			one.Close = p.closed
		}
		if len(all.Postgres)+len(all.Redis) == 0 {
			return advise(inputError(errors.New("there is nothing to do: the configuration names no PostgreSQL or Redis server")),
				"set storage.driver to postgres with storage.postgres.url, or redis.driver to server with redis.url")
		}
		if p.apply {
			return p.do(cmd.Context(), all)
		}
		return p.print(all)
	})
	return cmd
}

func (p *provision) print(all supervisor.Provisions) error {
	var scripts []string
	for _, one := range all.Postgres {
		scripts = append(scripts, one.Script())
	}
	for _, one := range all.Redis {
		scripts = append(scripts, one.Script())
	}
	_, err := io.WriteString(p.app.out, strings.Join(scripts, "\n"))
	return err
}

// do applies what there is a server's administrator for.
func (p *provision) do(ctx context.Context, all supervisor.Provisions) error {
	postgresURL, err := p.url(p.postgresFile, envPostgresAdmin)
	if err != nil {
		return err
	}
	redisURL, err := p.url(p.redisFile, envRedisAdmin)
	if err != nil {
		return err
	}
	if len(all.Postgres) > 0 && postgresURL == "" {
		return inputError(fmt.Errorf("the URL of PostgreSQL's administrator is missing: set %s or --postgres-admin-url-file, or leave PostgreSQL out with --only redis", envPostgresAdmin))
	}
	if len(all.Redis) > 0 && redisURL == "" {
		return inputError(fmt.Errorf("the URL of Redis's administrator is missing: set %s or --redis-admin-url-file, or leave Redis out with --only postgres", envRedisAdmin))
	}
	if len(all.Postgres) > 1 || len(all.Redis) > 1 {
		return inputError(errors.New("the configuration names several servers of one kind; print what is to be done and do it on each"))
	}
	for _, one := range all.Postgres {
		end := p.preparing("PostgreSQL", one.Addr())
		passwordSet, err := one.Apply(ctx, postgresURL, p.setPassword)
		end()
		if err != nil {
			return fmt.Errorf("PostgreSQL at %s: %w", one.Addr(), err)
		}
		p.done("PostgreSQL", one.Addr(), "role "+one.Role+", database "+one.Database, passwordSet)
	}
	for _, one := range all.Redis {
		end := p.preparing("Redis", one.Addr())
		applied, err := one.Apply(ctx, redisURL, p.setPassword)
		end()
		if err != nil {
			return fmt.Errorf("redis at %s: %w", one.Addr(), err)
		}
		p.done("Redis", one.Addr(), "user "+one.User, applied.PasswordSet)
		if !applied.Saved {
			_, _ = fmt.Fprintln(p.app.err, "Redis has no aclfile: it forgets the user at its next start, unless its configuration names it")
		}
	}
	return nil
}

// preparing shows that a server is at work, or silent, until the returned function is
// called.
func (p *provision) preparing(server, addr string) (end func()) {
	return p.app.screen.Show(func() terminal.Progress { return terminal.Progress{What: "preparing " + server + " at " + addr} })
}

func (p *provision) done(server, addr, what string, passwordSet bool) {
	password := "the password is as it was"
	if passwordSet {
		password = "with the password of the configuration"
	}
	_, _ = fmt.Fprintf(p.app.out, "%s at %s is ready: %s, %s\n", server, addr, what, password)
}

// maxURL bounds what is read of a file with a URL.
const maxURL = 64 << 10

// url reads the URL of an administrator, from where other users cannot read it.
func (p *provision) url(file, variable string) (string, error) {
	if file == "" {
		return p.app.getenv(variable), nil
	}
	in := p.app.in
	if file != "-" {
		opened, err := openFile(file)
		if err != nil {
			return "", fmt.Errorf("reading the URL of an administrator: %w", err)
		}
		defer func() { _ = opened.Close() }() // only read from
		in = opened
	}
	text, err := io.ReadAll(io.LimitReader(in, maxURL))
	if err != nil {
		return "", inputError(fmt.Errorf("reading the URL of an administrator: %w", err))
	}
	return strings.TrimSpace(string(text)), nil
}
