package peer

import (
	"crypto"
	"net/netip"
)

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// notEd25519 is a signer of another kind.
type notEd25519 struct{ crypto.Signer }

func (notEd25519) Public() crypto.PublicKey { return "something else" }
