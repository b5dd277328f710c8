package policy

import (
	"sync"
	"testing"
)

// Instances start side by side, each with its policies. The race detector tells.
func TestConditionsAreCompiledSideBySide(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, issues := compile(env, `[1, 2].exists(x, x > 1)`); issues.Err() != nil {
				t.Error(issues.Err())
			}
		})
		group.Go(func() {
			if _, issues := compile(env, `transfer.colour == "red"`); issues.Err() == nil {
				t.Error("an undeclared name compiled")
			}
		})
	}
	group.Wait()
}
