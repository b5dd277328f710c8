package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors that tell an operator what to change. They are wrapped with the
// particulars; none of them ever contains a password.
var (
	// ErrUnreachable reports that no server answered, or none that can be used.
	ErrUnreachable = errors.New("PostgreSQL is unreachable")
	// ErrRefused reports that the server refused the role, its password, the
	// database or the encryption.
	ErrRefused = errors.New("PostgreSQL refused the connection")
	// ErrPermission reports a right that the role lacks, with the grant.
	ErrPermission = errors.New("missing permission in PostgreSQL")
	// ErrBudget reports that no connection became free within the budget.
	ErrBudget = errors.New("all PostgreSQL connections of this process are in use")
	// ErrOwned reports that another process holds an instance.
	ErrOwned = errors.New("owned by another process")
	// ErrNewerSchema reports a schema that a newer program has migrated.
	ErrNewerSchema = errors.New("schema is from a newer version of this program")
	// ErrNoSchema reports that a journal that has to exist does not.
	ErrNoSchema = errors.New("schema does not exist")
	// ErrForeignSchema reports a schema that exists and is not a journal.
	ErrForeignSchema = errors.New("schema belongs to something else")
	// ErrForeignRole reports a role that has the name of an instance's and is not.
	ErrForeignRole = errors.New("role belongs to something else")
	// ErrRevision reports that a document was changed by somebody else.
	ErrRevision = errors.New("document has changed meanwhile")
	// ErrClosed reports a call after Close.
	ErrClosed = errors.New("store is closed")
)

// SQLSTATE codes that are told apart.
const (
	codeInvalidPassword      = "28P01"
	codeInvalidAuthorization = "28000"
	codeNoDatabase           = "3D000"
	codeNoPrivilege          = "42501"
	codeNoSchema             = "3F000"
	codeNoTable              = "42P01"
	codeNoColumn             = "42703"
	codeDuplicateTable       = "42P07"
	codeDuplicateSchema      = "42P06"
	codeUnique               = "23505"
	codeSerialization        = "40001"
	codeLockTimeout          = "55P03"
	codeReadOnly             = "25006"
	codeTooManyConnections   = "53300"
	codeDiskFull             = "53100"
	codeStarting             = "57P03"
	codeCancelled            = "57014"
	codeNoStatement          = "26000"
	codeDuplicateStatement   = "42P05"
	codeDivisionByZero       = "22012"
)

// sqlState returns the SQLSTATE in err's chain, or "".
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// explain turns an error of the driver into one that says what to do. Errors
// that need no explanation are returned as they are.
func (s *Server) explain(err error) error { return s.explainTo(s.role, err) }

// explainTo is explain for what was done as that role.
func (s *Server) explainTo(role string, err error) error {
	if err == nil || errors.Is(err, ErrPermission) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrRefused) {
		return err
	}
	if e, ok := errors.AsType[*budgetError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return s.explainConnect(role, e)
	}
	switch sqlState(err) {
	case codeNoPrivilege:
		return fmt.Errorf("%w: role %s: %w%s", ErrPermission, role, err, grant(role, err))
	case codeReadOnly:
		return fmt.Errorf("%w: the server at %s is read-only; is it a standby? %w", ErrUnreachable, s.where, err)
	case codeNoStatement, codeDuplicateStatement:
		return fmt.Errorf("prepared statements do not survive at %s; behind a pooler that shares sessions add default_query_exec_mode=exec to the URL: %w", s.where, err)
	case codeDiskFull:
		return fmt.Errorf("the server at %s is out of disk space: %w", s.where, err)
	case codeNoTable, codeNoColumn, codeNoSchema:
		return fmt.Errorf("something is missing that this program has made; restore the schema from a backup: %w", err)
	case codeCancelled:
		return fmt.Errorf("the server ended a statement; if that was its statement_timeout, raise it: ALTER ROLE %s SET statement_timeout = '30s': %w",
			quoteName(s.role), err)
	case codeLockTimeout:
		return fmt.Errorf("another connection keeps the instance's rows locked: %w", err)
	}
	return err
}

// explainConnect words why no connection could be made.
func (s *Server) explainConnect(role string, err *pgconn.ConnectError) error {
	switch sqlState(err) {
	case codeInvalidPassword, codeInvalidAuthorization:
		return fmt.Errorf("%w: the server at %s does not accept role %q with this password: %w", ErrRefused, s.where, role, rootCause(err))
	case codeNoDatabase:
		return fmt.Errorf("%w: the server at %s has no database %q; create it with CREATE DATABASE %s OWNER %s",
			ErrRefused, s.where, s.database, quoteName(s.database), quoteName(role))
	case codeNoPrivilege:
		return fmt.Errorf("%w: role %s lacks CONNECT on database %s: GRANT CONNECT ON DATABASE %s TO %s",
			ErrPermission, role, s.database, quoteName(s.database), quoteName(role))
	case codeTooManyConnections:
		return fmt.Errorf("%w: the server at %s has no connection left; raise its max_connections or the CONNECTION LIMIT of the role, or lower storage.postgres.max_connections: %w",
			ErrUnreachable, s.where, rootCause(err))
	case codeStarting:
		return fmt.Errorf("%w: the server at %s is starting up or shutting down: %w", ErrUnreachable, s.where, rootCause(err))
	}
	if isTLS(err) {
		return fmt.Errorf("%w: no encrypted connection to %s could be made; check sslmode and sslrootcert in the URL: %w", ErrRefused, s.where, rootCause(err))
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: no server answers at %s: %w", ErrUnreachable, s.where, rootCause(err))
}

func isTLS(err error) bool {
	var (
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
	)
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || strings.Contains(err.Error(), "refused TLS")
}

// rootCause returns the error of the server or the network inside a failed
// connect, without the list of attempts around it.
func rootCause(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return e.Unwrap()
	}
	return err
}

var deniedObject = regexp.MustCompile(`permission denied (?:for|to create extension|to) (database|schema|table|sequence|relation) "?([^"]+)"?$`)

// grant returns the statement that would give the missing right, as far as the
// server's message tells.
func grant(to string, err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	found := deniedObject.FindStringSubmatch(e.Message)
	if found == nil {
		return ""
	}
	object, role := found[2], quoteName(to)
	switch found[1] {
	case "database":
		return fmt.Sprintf(": role %s lacks CREATE on database %s: GRANT CREATE ON DATABASE %s TO %s", to, object, quoteName(object), role)
	case "schema":
		return fmt.Sprintf(": role %s lacks USAGE or CREATE on schema %s: GRANT USAGE, CREATE ON SCHEMA %s TO %s", to, object, quoteName(object), role)
	default:
		if e.SchemaName != "" {
			object = e.SchemaName + "." + object
		}
		return fmt.Sprintf(": role %s lacks rights on table %s: GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %s", to, object, object, role)
	}
}
