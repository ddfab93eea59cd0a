package wallet

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "wallet(redacted)"

// redact is embedded in every type that holds key material, so that no way of
// printing it shows more than a constant.
type redact struct{}

func (redact) String() string { return redacted }

// GoString keeps %#v from printing the material.
func (redact) GoString() string { return redacted }

// Format keeps every verb, %x included, from printing the material.
func (redact) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON keeps encoders from writing the material.
func (redact) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText keeps encoders from writing the material.
func (redact) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue keeps log handlers from writing the material.
func (redact) LogValue() slog.Value { return slog.StringValue(redacted) }

// hidden keeps material where nothing that prints by reflection can follow. It
// is needed beside redact: fmt calls no methods on an unexported field of
// somebody's struct, but walks into it, and with a verb that does not fit it
// follows pointers too. Of a function it knows the address only.
type hidden[T any] func() *T

func hide[T any](value *T) hidden[T] { return func() *T { return value } }
