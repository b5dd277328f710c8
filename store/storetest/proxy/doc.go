// Package proxy puts a TCP proxy between a program under test and the server
// that it uses, to do to the connections what networks do: [Proxy.Stall] lets
// them go silent without closing, [Proxy.Refuse] and [Proxy.Cut] end them,
// [Proxy.Delay] makes them slow, and [Proxy.SetTarget] leads new ones to another
// server, as a failover does.
package proxy
