package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Bounds of a service record.
const (
	maxServiceName = 128
	maxRecordLen   = 64 << 10
)

var (
	// ErrNotFound means that no service of that name is announced.
	ErrNotFound = errors.New("service not found")

	// ErrNotRegistered means that a service that would beat is not announced,
	// or that another one is announced under its name.
	ErrNotRegistered = errors.New("service is not registered")
)

// Service is what one instance announces of itself. Its JSON form is read by
// the ecosystem's other programs.
type Service struct {
	ServiceName   string            `json:"ServiceName"` // also the key: letters, digits and the marks ._-
	ServiceID     string            `json:"ServiceID"`   // tells one run of a service from the next
	Address       string            `json:"Address"`     // host name or IP address
	Port          int               `json:"Port"`        // of the main face
	Version       string            `json:"Version"`
	Metadata      map[string]string `json:"Metadata"` // http_port, grpc_port, instance, environment, …
	RegisteredAt  time.Time         `json:"RegisteredAt"`
	LastHeartbeat time.Time         `json:"LastHeartbeat"`
}

// validate checks what a Service must have to be announced.
func (s Service) validate() error {
	if err := checkServiceName(s.ServiceName); err != nil {
		return err
	}
	switch {
	case s.ServiceID == "":
		return fmt.Errorf("service %q has no id", s.ServiceName)
	case s.Address == "":
		return fmt.Errorf("service %q has no address", s.ServiceName)
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("service %q has port %d, allowed are 1 to 65535", s.ServiceName, s.Port)
	}
	return nil
}

// checkServiceName refuses names that would not do as part of a key.
func checkServiceName(name string) error {
	if name == "" || len(name) > maxServiceName {
		return fmt.Errorf("service name has %d bytes, allowed are 1 to %d", len(name), maxServiceName)
	}
	for i := range len(name) {
		if c := name[i]; !isPlain(c) || c == ':' {
			return fmt.Errorf("service name %q holds %q; allowed are letters, digits and the marks ._-", name, c)
		}
	}
	return nil
}

// beat returns s as announced at now.
func (s Service) beat(now time.Time) Service {
	now = now.UTC().Truncate(time.Millisecond)
	if s.RegisteredAt.IsZero() {
		s.RegisteredAt = now
	}
	if s.Metadata == nil {
		s.Metadata = map[string]string{} // an object in JSON, never null
	}
	s.LastHeartbeat = now
	return s
}

func (s Service) encode() ([]byte, error) {
	record, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding service %q: %w", s.ServiceName, err)
	}
	if len(record) > maxRecordLen {
		return nil, fmt.Errorf("service %q has a record of %d bytes, at most %d are allowed", s.ServiceName, len(record), maxRecordLen)
	}
	return record, nil
}

func decodeService(name string, record []byte) (Service, error) {
	var s Service
	if err := json.Unmarshal(record, &s); err != nil {
		return Service{}, fmt.Errorf("record of service %q is malformed: %w", name, err)
	}
	return s, nil
}
