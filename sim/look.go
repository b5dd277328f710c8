package sim

// lookAtSettlement moves an open settlement on as far as it can come now.
func (d *decision) lookAtSettlement(*Settlement) {}

// wakeAll brings a look at everything forward that may have been woken before
// the state was loaded: wake-ups are not journaled.
func (s *State) wakeAll() {
	s.wakeTransfers("")
}
