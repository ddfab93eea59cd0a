// Package wallet makes every key of a node from one seed and keeps that seed
// encrypted at rest.
//
// A [Seed] is BIP-39 entropy. It lives in a [SeedFile] (age encryption, locked
// by a passphrase or by a key file) and opens into [Keys], from which all else
// derives. Nothing derives from a counter: whoever has the seed words and one
// copy of the Terms of a swap computes its keys and its Secret again.
//
// # Derivation
//
// The 64-byte BIP-39 seed S (no BIP-39 passphrase) feeds two trees.
//
// Wallet accounts follow BIP-32, so that any other wallet can restore them:
//
//	Bitcoin family  m/86'/coin'/0'/branch/index   BIP-86, branch 0 receives, 1 is change
//	EVM             m/44'/60'/0'/0/index          BIP-44
//
// Everything of a swap and of the node comes from HKDF with SHA-256:
//
//	PRK = HKDF-Extract(salt = "kofo/kdf/v1", secret = S)
//	key = HKDF-Expand(PRK, label || 0x00 || fields, 32 bytes)
//
//	label              fields                                    key
//	identity/ed25519   none                                      Ed25519 seed behind the PartyID
//	swap/secret        Terms' salt (32)                          the Secret
//	leg/secp256k1      Terms' salt (32), role (1), leg (4, BE)   key of one role in one leg
//	seal/aes-256-gcm   none                                      key of the Sealer
//	purpose            its name                                  see Purpose
//
// The role is 1 for payer and 2 for payee. A label holds no zero byte and its
// fields have one length (a name ends the input), so no two inputs are alike.
// testdata/derivation.json pins the outputs: a change there loses coins.
//
// # What the caller owes
//
//   - A salt is used for one set of Terms only. Keys that repeat under one salt
//     link swaps, and a repeated Secret gives one of them away.
//   - What a Reveal method returns is handled as a secret: never logged, held
//     briefly, wiped where the type allows it.
//   - Close on Seed and Keys when done. Wiping is best effort: Go's runtime and
//     the libraries beneath keep copies that no caller can reach.
//   - One process at a time works on a seed file; the node holds the lock.
package wallet
