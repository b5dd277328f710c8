package sim

// lookAtTransfer moves a transfer on as far as it can come now.
func (d *decision) lookAtTransfer(*Transfer) {}

// lookAtDocument does what is due about a document.
func (d *decision) lookAtDocument(*Document) {}

// wakeAll brings a look at everything forward that may have been woken before
// the state was loaded: wake-ups are not journaled.
func (s *State) wakeAll() {
	s.wakeSettlements()
}
