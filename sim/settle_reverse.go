package sim

func (c ReverseSettlement) decide(d *decision) *Error {
	return Errorf(CodeNotFound, "settlement %s does not exist", c.ID)
}
