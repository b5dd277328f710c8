package postgres

// A server may let fewer connections in than the budget has: its own limit, the
// role's or the database's is lower, or others have taken what there is. Then
// those that are open are passed on, one at a time.

// want asks all pools of the server for one connection: for an idle one at once,
// for one in use when it is released.
func (s *Server) want() {
	s.demand.CompareAndSwap(0, 1)
	for _, p := range s.budget.pools() {
		if p.server == s && s.demand.Load() > 0 && p.giveUpIdle(s.pass) {
			s.demand.Store(0)
			return
		}
	}
}

// pass tells one of those who wait that a connection was closed for it.
func (s *Server) pass() {
	select {
	case s.passed <- struct{}{}:
	default:
	}
}

// wanted reports whether a connection that is released should be closed, which
// the caller then does.
func (s *Server) wanted() bool {
	return s.demand.Load() > 0 && s.demand.CompareAndSwap(1, 0)
}
