// Package webhook delivers an instance's events to HTTP endpoints, signed as
// Standard Webhooks (https://www.standardwebhooks.com) describes: the headers
// webhook-id, webhook-timestamp and webhook-signature, the payload
// {"type","timestamp","data"}, secrets of the form whsec_<base64>.
//
// The event log is the outbox. A [Manager] follows it once per endpoint, sends
// one event after the other, and keeps in [Cursors] how far it has come. What it
// guarantees:
//
//   - Every event that an endpoint's filter selects is delivered at least once,
//     or is given up after a bounded number of attempts and stays listed.
//   - One endpoint gets its events in order. The next one waits until the one
//     before has been delivered or given up. (Resends run beside that, and a
//     [Fault] may break the order on purpose.)
//   - The webhook-id is the same each time the same event is sent to the same
//     endpoint: in retries, after a restart, when resent. Receivers deduplicate
//     by it.
//   - Endpoints are independent: none waits for another's retries, and a panic
//     while serving one (in the rendering, say) is an error of that one.
//   - Nothing is sent to loopback, private and other special addresses unless
//     [TargetRules] allow it. That is checked on the address that is dialled.
//
// Endpoints that [Manager.Add] adds are kept in [Added], secrets and all, before
// Add returns, and are there again at the next start.
//
// Times of delivery are wall-clock time whatever the instance's own clock says,
// because receivers compare webhook-timestamp with their clocks; the payload's
// timestamp is the event's, in instance time.
//
// The entry points are [New], [Manager.Start], and for management [Manager.Add],
// [Manager.Update], [Manager.Remove], [Manager.List], [Manager.Status],
// [Manager.Resend] and [Manager.Ping].
package webhook
