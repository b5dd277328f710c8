package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Pace of discovery, as the ecosystem expects it.
const (
	HeartbeatInterval = 30 * time.Second
	ServiceTTL        = 90 * time.Second // a service that misses three beats is gone
)

// Discovery announces services and finds them. It holds no resources and is
// safe for concurrent use. Its methods fail with [ErrUnavailable] within a
// bounded time when Redis is away.
type Discovery struct {
	server *Server
	// do carries out what touches one service.
	do func(context.Context, func(context.Context, *goredis.Client) error) error
}

// NewDiscovery returns the discovery on that server.
func NewDiscovery(server *Server) *Discovery { return &Discovery{server: server, do: server.do} }

// Register announces svc for [ServiceTTL], in place of what was announced
// under its name. RegisteredAt is now unless svc says otherwise;
// LastHeartbeat is now.
func (d *Discovery) Register(ctx context.Context, svc Service) error {
	return d.announce(ctx, svc, ServiceTTL, always)
}

// Heartbeat renews the announcement of svc for another [ServiceTTL]. It
// returns [ErrNotRegistered] when the announcement has expired, was removed,
// or is now of a service with another ServiceID; Register is then the remedy.
func (d *Discovery) Heartbeat(ctx context.Context, svc Service) error {
	return d.heartbeat(ctx, svc, ServiceTTL)
}

func (d *Discovery) heartbeat(ctx context.Context, svc Service, ttl time.Duration) error {
	if err := svc.validate(); err != nil {
		return err
	}
	current, err := d.lookup(ctx, svc.ServiceName)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrNotRegistered, svc.ServiceName)
	}
	if err != nil {
		return err
	}
	if current.ServiceID != svc.ServiceID {
		return fmt.Errorf("%w: %s is announced by service id %q", ErrNotRegistered, svc.ServiceName, current.ServiceID)
	}
	if svc.RegisteredAt.IsZero() {
		svc.RegisteredAt = current.RegisteredAt
	}
	return d.announce(ctx, svc, ttl, ifThere)
}

// When a record is written.
const (
	always  = ""
	ifThere = "XX"
	ifNone  = "NX"
)

// announce writes both keys of svc, if the condition holds for its record.
func (d *Discovery) announce(ctx context.Context, svc Service, ttl time.Duration, condition string) error {
	if err := svc.validate(); err != nil {
		return err
	}
	svc = svc.beat(time.Now())
	record, err := svc.encode()
	if err != nil {
		return err
	}
	err = d.do(ctx, func(ctx context.Context, c *goredis.Client) error {
		pipe := c.Pipeline()
		pipe.SetArgs(ctx, serviceKey(svc.ServiceName), record, goredis.SetArgs{TTL: ttl, Mode: condition})
		pipe.SetArgs(ctx, heartbeatKey(svc.ServiceName), svc.LastHeartbeat.Unix(), goredis.SetArgs{TTL: ttl})
		_, err := pipe.Exec(ctx)
		return err
	})
	if errors.Is(err, goredis.Nil) {
		return fmt.Errorf("%w: %s", ErrNotRegistered, svc.ServiceName)
	}
	if err != nil {
		return fmt.Errorf("announcing service %q: %w", svc.ServiceName, err)
	}
	return nil
}

// Deregister withdraws the announcement of svc. One of another ServiceID under
// the same name stays, so that an instance that leaves late does not hide the
// one that took over. Deregistering what is not announced is no error.
func (d *Discovery) Deregister(ctx context.Context, svc Service) error {
	current, err := d.lookup(ctx, svc.ServiceName)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && current.ServiceID != svc.ServiceID {
		return nil
	}
	if err == nil {
		err = d.do(ctx, func(ctx context.Context, c *goredis.Client) error {
			return c.Unlink(ctx, serviceKey(svc.ServiceName), heartbeatKey(svc.ServiceName)).Err()
		})
	}
	if err != nil {
		return fmt.Errorf("deregistering service %q: %w", svc.ServiceName, err)
	}
	return nil
}

// Discover returns the service of that name, or [ErrNotFound].
func (d *Discovery) Discover(ctx context.Context, name string) (Service, error) {
	return d.lookup(ctx, name)
}

func (d *Discovery) lookup(ctx context.Context, name string) (Service, error) {
	if err := checkServiceName(name); err != nil {
		return Service{}, err
	}
	found, err := d.read(ctx, []string{name})
	if err != nil {
		return Service{}, fmt.Errorf("looking up service %q: %w", name, err)
	}
	if len(found) == 0 {
		return Service{}, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return found[0].service, found[0].err
}

// List returns all services, sorted by name. A record that makes no sense is
// left out, and logged. It looks at all keys of the server.
func (d *Discovery) List(ctx context.Context) ([]Service, error) {
	byName := make(map[string]Service)
	err := d.server.scan(ctx, servicePrefix, func(keys []string) error {
		names := make([]string, 0, len(keys))
		for _, k := range keys {
			if name, ok := strings.CutPrefix(k, servicePrefix); ok {
				names = append(names, name)
			}
		}
		found, err := d.read(ctx, names)
		for _, f := range found {
			if f.err != nil {
				d.server.log.Warn("service record left out", "error", f.err)
				continue
			}
			byName[f.name] = f.service
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	services := make([]Service, 0, len(byName))
	for _, s := range byName {
		services = append(services, s)
	}
	slices.SortFunc(services, func(a, b Service) int { return cmp.Compare(a.ServiceName, b.ServiceName) })
	return services, nil
}

type foundService struct {
	name    string
	service Service
	err     error
}

// read fetches the records of names and their heartbeats in one round trip.
// Names without a record are left out.
func (d *Discovery) read(ctx context.Context, names []string) ([]foundService, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, 2*len(names))
	for _, name := range names {
		keys = append(keys, serviceKey(name), heartbeatKey(name))
	}
	var values []any
	err := d.do(ctx, func(ctx context.Context, c *goredis.Client) (err error) {
		values, err = c.MGet(ctx, keys...).Result()
		return err
	})
	if err != nil {
		return nil, err
	}
	found := make([]foundService, 0, len(names))
	for i, name := range names {
		record, ok := values[2*i].(string)
		if !ok {
			continue // MGET answers nil for an absent key and for one of another type
		}
		f := foundService{name: name}
		f.service, f.err = decodeService(name, []byte(record))
		// The heartbeat key may be renewed by itself; the later one counts.
		if text, ok := values[2*i+1].(string); ok {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				if beat := time.Unix(seconds, 0).UTC(); beat.After(f.service.LastHeartbeat) {
					f.service.LastHeartbeat = beat
				}
			}
		}
		found = append(found, f)
	}
	return found, nil
}
