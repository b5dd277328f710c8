package sim

func (c SubmitTransfer) decide(*decision) *Error  { return Errorf(CodeUnavailable, "not decided yet") }
func (c ApproveTransfer) decide(*decision) *Error { return Errorf(CodeUnavailable, "not decided yet") }
func (c RejectTransfer) decide(*decision) *Error  { return Errorf(CodeUnavailable, "not decided yet") }
func (c CancelTransfer) decide(*decision) *Error  { return Errorf(CodeUnavailable, "not decided yet") }
