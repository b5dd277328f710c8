package config

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// SettlementOverride holds keys of [profile.Settlement] as they are laid over
// those of a profile. Its values are those of JSON.
type SettlementOverride map[string]any

// RailsOverride holds keys of [profile.Rail] by the name of the rail. A rail that
// is nil is taken off the profile.
type RailsOverride map[string]any

// ApprovalsOverride holds keys of [profile.Approvals].
type ApprovalsOverride map[string]any

// profile returns the settings' profile with what is laid over it. Whether it
// makes sense, [profile.Profile.Validate] tells.
func (s Settings) profile() (profile.Profile, error) {
	p, known := profile.Builtin(s.Profile)
	if !known {
		return profile.Profile{}, fmt.Errorf("there is no profile %q", clip(s.Profile))
	}
	over := make(map[string]any, 3)
	if len(s.Settlement) > 0 {
		over["settlement"] = s.Settlement
	}
	if len(s.Rails) > 0 {
		over["rails"] = s.Rails
	}
	if len(s.Approvals) > 0 {
		over["approvals"] = s.Approvals
	}
	if len(over) == 0 {
		return p, nil
	}
	document, err := json.Marshal(over)
	if err != nil {
		return profile.Profile{}, err // only of values that no parser of this package makes
	}
	return p.Override(document)
}

// builtin are the profiles as they are without anything laid over. Instances share
// them, for they are immutable.
var builtin sync.Map // of *profile.Resolved, by name

// ResolveProfile returns the profile that resolved settings come to.
func (s Settings) ResolveProfile() (*profile.Resolved, error) {
	if len(s.Settlement)+len(s.Rails)+len(s.Approvals) > 0 {
		return s.resolveProfile()
	}
	if known, ok := builtin.Load(s.Profile); ok {
		return known.(*profile.Resolved), nil
	}
	resolved, err := s.resolveProfile()
	if err == nil {
		builtin.Store(s.Profile, resolved)
	}
	return resolved, err
}

func (s Settings) resolveProfile() (*profile.Resolved, error) {
	p, err := s.profile()
	if err != nil {
		return nil, err
	}
	return p.Resolve()
}

// profile checks a profile where anything about it is given here.
func (k *checker) profile(path string, given, resolved Settings) {
	if given.Profile == "" && len(given.Settlement)+len(given.Rails)+len(given.Approvals) == 0 {
		return // then it is that of the defaults, which is checked there
	}
	p, err := resolved.profile()
	if err != nil {
		if resolved.Profile != "" { // else it was reported
			k.add(join(path, "profile"), err.Error(), "")
		}
		return
	}
	for _, problem := range p.Validate() {
		k.suggest(join(path, problem.Field), problem.Message, problem.Allowed, problem.Suggestion)
	}
}
