package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// Provision is what an administrator does once for a supervisor: its user. Doing
// it again changes nothing.
type Provision struct {
	// User is the supervisor's.
	User string
	// Users lets it make users for instances. Redis knows no bounds to that
	// right: who has it can make a user who may do anything.
	Users bool

	password string
	addr     string
	database int
}

// NewProvision returns what the owner of a URL needs.
func NewProvision(url string, users bool) (*Provision, error) {
	opts := Options{URL: url}
	copts, err := opts.clientOptions()
	if err != nil {
		return nil, err
	}
	user := copts.Username
	if user == "" {
		user = "default"
	}
	return &Provision{User: user, Users: users, password: copts.Password, addr: displayAddr(copts), database: copts.DB}, nil
}

// Addr is the server's address, without credentials.
func (p *Provision) Addr() string { return p.addr }

// Rules are the rules of the supervisor's user, without its password.
func (p *Provision) Rules() []string {
	rules := []string{"on", "~" + Root + "*", "+@read", "+@write", "+@keyspace", "+ping", "-@dangerous"}
	if p.database > 0 {
		rules = append(rules, "+select")
	}
	if p.Users { // last, for they are dangerous
		rules = append(rules, "+acl|setuser", "+acl|deluser")
	}
	return rules
}

// Script writes it for redis-cli and for an aclfile. It holds no password.
func (p *Provision) Script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Redis 7 or newer at %s: what the supervisor needs. Run it with redis-cli as an administrator:\n", p.addr)
	fmt.Fprintf(&b, "ACL SETUSER %s %s\n", p.User, strings.Join(p.Rules(), " "))
	fmt.Fprintf(&b, "# A new user has no password; set that of redis.url from a file, so that no command line shows it:\n")
	fmt.Fprintf(&b, "#   printf '>%%s' \"$(cat FILE)\" | redis-cli -x ACL SETUSER %s\n", p.User)
	fmt.Fprintf(&b, "# Redis forgets it at its next start, unless an aclfile is configured and ACL SAVE is run, or its\n")
	fmt.Fprintf(&b, "# configuration has this line: user %s >PASSWORD %s\n", p.User, strings.Join(p.Rules(), " "))
	return b.String()
}

// Applied is what [Provision.Apply] has done.
type Applied struct {
	PasswordSet bool
	// Saved tells that Redis keeps the user over a restart.
	Saved bool
}

// Apply does it, connected as an administrator by a URL. A user that has no
// password gets that of the supervisor's URL, and so does every other with
// setPassword; Redis is sent a hash only.
func (p *Provision) Apply(ctx context.Context, adminURL string, setPassword bool) (Applied, error) {
	var done Applied
	admin, err := newServer(Options{URL: adminURL})
	if err != nil {
		return done, fmt.Errorf("the administrator's %w", err)
	}
	defer func() { _ = admin.Close() }() // nothing is written at close
	admin.awaitFirstProbe(ctx)
	args := []any{"acl", "setuser", p.User}
	for _, rule := range p.Rules() {
		args = append(args, rule)
	}
	missing := false
	err = admin.do(ctx, func(ctx context.Context, c *goredis.Client) error {
		_, err := c.Do(ctx, "acl", "getuser", p.User).Result()
		missing = errors.Is(err, goredis.Nil)
		return err
	})
	if err != nil && !missing {
		return done, fmt.Errorf("looking for user %q: %w", p.User, err)
	}
	if p.password != "" && (missing || setPassword) {
		sum := sha256.Sum256([]byte(p.password))
		args = append(args, "resetpass", "#"+hex.EncodeToString(sum[:]))
		done.PasswordSet = true
	}
	if err := admin.do(ctx, func(ctx context.Context, c *goredis.Client) error { return c.Do(ctx, args...).Err() }); err != nil {
		return Applied{}, fmt.Errorf("making user %q: %w", p.User, err)
	}
	// Without an aclfile the answer is an error, which is no failure.
	err = admin.do(ctx, func(ctx context.Context, c *goredis.Client) error { return c.Do(ctx, "acl", "save").Err() })
	done.Saved = err == nil
	return done, nil
}
