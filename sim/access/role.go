package access

// Role is what a caller may do.
type Role string

// The roles. The empty one counts as Operate: it is that of a key which says
// nothing of its role, as of everybody where no key is asked for.
const (
	// Read may look at everything that is no secret, and change nothing.
	Read Role = "read"
	// Operate may do everything.
	Operate Role = "operate"
)

// Allows reports whether a caller of the role may do what another role is
// needed for.
func (r Role) Allows(needed Role) bool { return r != Read || needed == Read }

// String returns the role by its name.
func (r Role) String() string {
	if r == "" {
		return string(Operate)
	}
	return string(r)
}
