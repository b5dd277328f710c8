package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Parameters of SCRAM-SHA-256, as the server itself would choose them.
const (
	scramIterations = 4096
	scramSaltBytes  = 16
)

// newPassword returns a password that cannot be guessed: 130 random bits, in
// letters and digits that mean the same in every encoding.
func newPassword() string { return rand.Text() }

// newVerifier computes what the server keeps of a password, so that the
// password itself never leaves this process. The password must be plain ASCII:
// others would have to be normalised first (RFC 4013).
func newVerifier(password string) (string, error) {
	salt := make([]byte, scramSaltBytes)
	_, _ = rand.Read(salt) // never fails
	return verifier(password, salt, scramIterations)
}

// verifier is the encoding that PostgreSQL takes for a password and stores as
// it is (RFC 5803): the server can check a client with it and prove itself, but
// nobody can log in with it.
func verifier(password string, salt []byte, iterations int) (string, error) {
	for _, c := range []byte(password) {
		if c < ' ' || c > '~' {
			return "", fmt.Errorf("the password holds marks beyond ASCII; set it with psql's \\password instead")
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("deriving a key from the password: %w", err)
	}
	clientKey := keyed(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(storedKey[:]), encode(keyed(salted, "Server Key"))), nil
}

func keyed(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
