package access

import (
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Sites refuses what pages of other sites have a browser send. Programs that
// are no browsers send none of the headers that it looks at.
type Sites struct {
	hosts   *Hosts
	origins *http.CrossOriginProtection
}

// NewSites returns the rules for a port of these names; nil for every name.
func NewSites(hosts *Hosts) *Sites {
	return &Sites{hosts: hosts, origins: http.NewCrossOriginProtection()}
}

// Check refuses a request that calls the port by a foreign name, one that could
// change something and comes from another site, and one by which a page of
// another site embeds or fetches what is here. Following a link is nothing of
// that kind.
func (s *Sites) Check(r *http.Request) error {
	if s.hosts != nil && !s.hosts.Knows(r.Host) {
		return errHost
	}
	if s.origins.Check(r) != nil {
		return errCrossSite
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return errCrossSite
		}
	}
	return nil
}

var (
	errHost = &sim.Error{Code: sim.CodeForbidden, Field: "Host",
		Message: "the name in the Host header is not one of this server: call it by its address, or let the configuration name it"}
	errCrossSite = &sim.Error{Code: sim.CodeForbidden, Field: "Origin", Message: "requests from other sites are refused"}
)
