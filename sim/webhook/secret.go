package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_"
	redacted     = "[redacted]"
	// Bounds of a secret's key in bytes, from Standard Webhooks.
	minKey, maxKey = 24, 64
	newKey         = 32
)

// Secret is the key that an endpoint's deliveries are signed with, as
// whsec_<base64>. It shows itself only to [Secret.Reveal]: printed, logged and
// in JSON it is redacted.
type Secret string

// GenerateSecret returns a new random secret of 32 bytes.
func GenerateSecret() Secret {
	key := make([]byte, newKey)
	_, _ = rand.Read(key) // never fails, by its contract
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// Reveal returns the secret in clear, for storing it.
func (s Secret) Reveal() string { return string(s) }

// String implements [fmt.Stringer] without telling the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretPrefix + redacted
}

// GoString implements [fmt.GoStringer] without telling the secret.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue implements [slog.LogValuer] without telling the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements [encoding.TextMarshaler] without telling the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts everything;
// an endpoint's secrets are checked where the endpoint is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// signer returns what signs with the secret. Its error says what a secret looks
// like, never what was given.
func (s Secret) signer() (*standardwebhooks.Webhook, error) {
	encoded, ok := strings.CutPrefix(string(s), secretPrefix)
	if !ok {
		return nil, fmt.Errorf("must be %s followed by %d to %d random bytes in base64", secretPrefix, minKey, maxKey)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("what follows %s is not base64 (the standard alphabet, padded)", secretPrefix)
	}
	if len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("has a key of %d bytes; %d to %d are allowed", len(key), minKey, maxKey)
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, errors.New("cannot be used for signing")
	}
	return signer, nil
}

// sign returns the value of the header webhook-signature: one signature per
// signer, so that receivers may know either while secrets are being changed.
func sign(signers []*standardwebhooks.Webhook, id string, at time.Time, body []byte) (string, error) {
	signatures := make([]string, len(signers))
	for i, signer := range signers {
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return "", fmt.Errorf("signing: %w", err)
		}
		signatures[i] = signature
	}
	return strings.Join(signatures, " "), nil
}
