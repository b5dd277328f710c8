package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// PortPair are the ports of one instance.
type PortPair struct{ HTTP, GRPC int }

// Plan gives every instance of c its ports. Explicit ones come first, then those
// that an instance has already, then free ones from the ranges, in the order of
// names. Instances in already that are not in c may still be listening: their
// ports are not allocated, but may be asked for explicitly.
//
// The problems name both sides of each conflict, and the ranges that are used
// up. Instances that got no pair are missing in the result.
func Plan(c Config, already map[string]PortPair) (map[string]PortPair, []Problem) {
	p := planner{c: c, holders: make(map[int]string, 2*len(c.Instances)+1), avoid: make(map[int]bool)}
	pairs := make([]PortPair, len(c.Instances))
	known := make(map[string]bool, len(c.Instances))

	p.claimAdmin()
	for i, instance := range c.Instances {
		known[instance.Name] = true
		pairs[i].HTTP = p.claim(i, "http_port", instance.HTTPPort)
		pairs[i].GRPC = p.claim(i, "grpc_port", instance.GRPCPort)
	}
	for i, instance := range c.Instances {
		had := already[instance.Name]
		if instance.HTTPPort == 0 {
			pairs[i].HTTP = p.keep(i, "http_port", had.HTTP)
		}
		if instance.GRPCPort == 0 {
			pairs[i].GRPC = p.keep(i, "grpc_port", had.GRPC)
		}
	}
	for name, had := range already {
		if !known[name] {
			p.avoid[had.HTTP], p.avoid[had.GRPC] = true, true
		}
	}
	order := make([]int, len(c.Instances))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.Instances[a].Name, c.Instances[b].Name) })
	p.allocate(order, "http", c.Ports.HTTP, func(i int) (*int, bool) { return &pairs[i].HTTP, c.Instances[i].HTTPPort == 0 })
	p.allocate(order, "grpc", c.Ports.GRPC, func(i int) (*int, bool) { return &pairs[i].GRPC, c.Instances[i].GRPCPort == 0 })

	assigned := make(map[string]PortPair, len(pairs))
	for i, pair := range pairs {
		if pair.HTTP != 0 && pair.GRPC != 0 {
			assigned[c.Instances[i].Name] = pair
		}
	}
	return assigned, p.problems
}

type planner struct {
	c        Config
	holders  map[int]string // who has a port, for messages
	avoid    map[int]bool
	problems []Problem
}

// claimAdmin takes the admin API's port, if the hosts can get in each other's way.
func (p *planner) claimAdmin() {
	host, port, err := net.SplitHostPort(p.c.Admin.Listen)
	if err != nil || !overlap(host, p.c.Ports.Host) {
		return
	}
	if n, err := parsePort(port); err == nil {
		p.holders[n] = "admin.listen"
	}
}

// claim takes an explicit port; it returns 0 if there is none or it is taken.
func (p *planner) claim(i int, key string, port int) int {
	if port == 0 {
		return 0
	}
	path := index("instances", i) + "." + key
	if port < 0 || port > 65535 {
		p.problems = append(p.problems, Problem{Key: path, Message: strconv.Itoa(port) + " is out of range", Allowed: "1 to 65535"})
		return 0
	}
	if holder, taken := p.holders[port]; taken {
		p.problems = append(p.problems, Problem{
			Key:     path,
			Message: fmt.Sprintf("port %d of instance %q is taken by %s", port, p.c.Instances[i].Name, holder),
		})
		return 0
	}
	p.holders[port] = p.holder(i, key)
	return port
}

func (p *planner) holder(i int, key string) string {
	return fmt.Sprintf("%s of instance %q", key, p.c.Instances[i].Name)
}

// keep takes a port that the instance had before, if it still can.
func (p *planner) keep(i int, key string, port int) int {
	if _, taken := p.holders[port]; port <= 0 || taken {
		return 0
	}
	p.holders[port] = p.holder(i, key)
	return port
}

// allocate takes free ports for those that have none. want returns where an
// instance's port goes, and whether it may be allocated.
func (p *planner) allocate(order []int, kind string, from PortRange, want func(int) (*int, bool)) {
	next, left, firstLeft := from.First, 0, 0
	for _, i := range order {
		port, open := want(i)
		if !open || *port != 0 {
			continue
		}
		for ; next <= from.Last; next++ {
			if _, taken := p.holders[next]; !taken && !p.avoid[next] {
				break
			}
		}
		if next > from.Last {
			if left++; left == 1 {
				firstLeft = i
			}
			continue
		}
		*port = next
		p.holders[next] = p.holder(i, kind+"_port")
		next++
	}
	if left > 0 {
		p.problems = append(p.problems, Problem{
			Key: "ports." + kind,
			Message: fmt.Sprintf("the range %s is used up: no port is left for %d of %d instances, the first of them %q",
				from, left, len(order), p.c.Instances[firstLeft].Name),
		})
	}
}
