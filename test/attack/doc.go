//go:build attack

// Package attack holds tests that show how an honest party loses money or gets
// stuck. Each of them fails while its fault stands.
package attack
