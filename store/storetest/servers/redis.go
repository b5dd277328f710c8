//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisConf is the configuration that comes before the users and
// Options.ExtraConf.
const redisConf = `
bind 127.0.0.1
protected-mode yes
daemonize no
logfile ""
save ""
databases 16
maxclients 2000
`

// Redis is a private Redis server.
type Redis struct {
	Server
	// URL connects as RedisUser, under RedisACL.
	URL string
	// AdminURL connects as the default user, which may do everything.
	AdminURL string

	adminPassword string
}

// StartRedis starts a private Redis server, version 7 or later, with
// [RedisUser] in it. The context bounds the start, not the server's life: that
// ends with Close.
func StartRedis(ctx context.Context, options Options) (*Redis, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	path, version, err := RedisServer(ctx)
	if err != nil {
		return nil, err
	}
	runAs, err := unprivileged("redis", "nobody")
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	dir, err := runAs.makeDir("custodian-redis-")
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	conf := filepath.Join(dir, "redis.conf")
	r := &Redis{
		Server: Server{
			Dir: dir, Version: version, name: "Redis", account: runAs,
			signal: syscall.SIGKILL, // SIGTERM would tidy up first
			path:   path,
			args:   func(port int) []string { return []string{conf, "--port", strconv.Itoa(port)} },
		},
		adminPassword: rand.Text(),
	}
	r.ping = r.answers
	if err := r.initialise(ctx, conf, options); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// initialise takes an empty directory to a running server.
func (r *Redis) initialise(ctx context.Context, conf string, options Options) error {
	if err := r.account.writeFile(conf, redisSettings(r.Dir, r.adminPassword, options)); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	if err := r.startOnFreePort(ctx); err != nil {
		return err
	}
	r.URL = r.url(RedisUser, RedisPassword)
	r.AdminURL = r.url("default", r.adminPassword)
	return nil
}

// redisSettings returns the content of redis.conf. The passwords are in there,
// and not on the command line, because other users can read that.
func redisSettings(dir, adminPassword string, options Options) string {
	var b strings.Builder
	b.WriteString(redisConf)
	fmt.Fprintf(&b, "dir %q\n", dir)
	if options.Fsync {
		b.WriteString("appendonly yes\nappendfsync always\n")
	} else {
		b.WriteString("appendonly no\n")
	}
	fmt.Fprintf(&b, "user default on >%s ~* &* +@all\n%s\n", adminPassword, RedisACL)
	for _, line := range options.ExtraConf {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// answers says whether the server answers a PING of the restricted user, which
// it does once its data is loaded and its users exist.
func (r *Redis) answers(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{
		Addr: r.Addr(), Username: RedisUser, Password: RedisPassword,
		MaxRetries: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer func() { _ = client.Close() }()
	return client.Ping(ctx).Err()
}

func (r *Redis) url(user, password string) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: r.Addr(), Path: "/0"}
	return u.String()
}
