package main

import (
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

// advised is an error with the next step.
type advised struct {
	error
	advice string
}

// Unwrap returns the error itself.
func (e *advised) Unwrap() error { return e.error }

// advise adds the next step to an error, if it is one.
func advise(err error, advice string) error {
	if err == nil {
		return nil
	}
	return &advised{err, advice}
}

// adviceOn returns what to do about an error, "" where its text says it already or
// nothing can be said.
func adviceOn(err error) string {
	if e, ok := errors.AsType[*advised](err); ok {
		return e.advice
	}
	if e, ok := errors.AsType[*client.UnreachableError](err); ok {
		return adviceOnReaching(e)
	}
	e, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok:
		return ""
	case e.Status == http.StatusUnauthorized:
		return "set " + envAdminToken + ", or give a file with the token as --token-file; the supervisor knows its tokens by admin.tokens"
	case e.Status == http.StatusForbidden:
		return "use a token whose role in admin.tokens allows it"
	case e.Status == http.StatusNotFound && strings.HasPrefix(e.Detail, "there is no instance"):
		return "custodian instance list shows those that there are"
	case e.Status == http.StatusNotFound && strings.HasPrefix(e.Detail, "there is nothing at this path"):
		return correctAddress + ": something else answers there, such as an instance"
	case e.Code == "":
		return correctAddress
	case e.RetryAfter > 0:
		return "do it again in " + e.RetryAfter.String()
	}
	return ""
}

// correctAddress is the next step where something else answers, or nothing.
const correctAddress = "correct its address in --admin or " + envAdminURL

func adviceOnReaching(e *client.UnreachableError) string {
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](e.Err)
	_, unnamed := errors.AsType[*net.DNSError](e.Err)
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "start it with: custodian serve --config FILE; or " + correctAddress
	case untrusted:
		return "give the authority that signed its certificate as --ca"
	case strings.Contains(e.Err.Error(), http.ErrSchemeMismatch.Error()):
		return correctAddress + ": it begins with http:// there"
	case unnamed:
		return correctAddress
	}
	return "see whether a supervisor serves there, or " + correctAddress
}
