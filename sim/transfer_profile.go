package sim

import (
	"fmt"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// instantProfile stands in where an instance names no profile.
var instantProfile = sync.OnceValue(func() *profile.Resolved {
	p, _ := profile.Builtin(profile.Instant)
	r, err := p.Resolve()
	if err != nil {
		panic(fmt.Sprintf("the built-in profile %s does not resolve: %v", profile.Instant, err)) // a defect
	}
	return r
})

// profile returns the instance's profile.
func (s *State) profile() *profile.Resolved {
	if s.rules.Profile != nil {
		return s.rules.Profile
	}
	return instantProfile()
}
