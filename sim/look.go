package sim

// wakeAll brings a look at everything forward that may have been woken before
// the state was loaded: wake-ups are not journaled.
func (s *State) wakeAll() {
	s.wakeSettlements()
	s.wakeTransfers("")
}
