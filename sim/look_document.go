package sim

// lookAtDocument does what is due about a document.
func (d *decision) lookAtDocument(v *Document) {
	switch v.Kind {
	case DocumentFault:
		d.lookAtFault(v)
	case DocumentCorporateAction:
		d.lookAtCorporateAction(v)
	case DocumentVelocity:
		d.lookAtVelocity(v)
	default:
	}
}
