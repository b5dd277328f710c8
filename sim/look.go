package sim

// lookAtDocument does what is due about a document.
func (d *decision) lookAtDocument(v *Document) {
	switch v.Kind {
	case DocumentVelocity:
		d.lookAtVelocity(v)
	default:
	}
}

// wakeAll brings a look at everything forward that may have been woken before
// the state was loaded: wake-ups are not journaled.
func (s *State) wakeAll() {
	s.wakeSettlements()
	s.wakeTransfers("")
}
