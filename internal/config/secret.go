package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

const redacted = "redacted"

// Secret is a text that is or may contain a credential: a password, or a URL
// with one inside. It prints without it; Reveal is the only way to the whole.
// The text hides in a function, which nothing that prints by reflection can
// follow.
type Secret struct{ text func() string }

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the whole text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String is what may be shown: a URL without user, path of a service (keys
// stand there) and query; of anything else only that it is there.
func (s Secret) String() string {
	text := s.Reveal()
	if text == "" {
		return ""
	}
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = showURL(part)
	}
	return strings.Join(parts, ",")
}

// longSegment is a part of a path that may be an access key.
var longSegment = regexp.MustCompile(`^[^./]{16,}$`)

func showURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return redacted
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.User != nil {
		shown.User = url.User(redacted)
	}
	segments := strings.Split(u.Path, "/")
	for i, s := range segments {
		if longSegment.MatchString(s) {
			segments[i] = redacted
		}
	}
	shown.Path = strings.Join(segments, "/")
	if u.RawQuery != "" {
		shown.RawQuery = redacted
	}
	return shown.String()
}

// Format keeps every verb from printing the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps log handlers from writing the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from writing the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is MarshalText for package yaml.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText takes the whole text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
