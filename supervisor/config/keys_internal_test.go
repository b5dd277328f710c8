package config

import (
	"slices"
	"testing"
)

// A default that is told of a key which is gone would mislead nobody, but nobody
// would find out that the key's successor lacks it.
func TestImpliedDefaultsAreThoseOfKeys(t *testing.T) {
	t.Parallel()
	all := Reference()
	for path := range impliedDefaults {
		if !slices.ContainsFunc(all, func(k Key) bool { return k.Path == path }) {
			t.Errorf("there is no key %s", path)
		}
	}
}
