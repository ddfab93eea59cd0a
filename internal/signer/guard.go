package signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/wallet"
)

// Limit is the most that is let go of one asset. Zero is no limit.
type Limit struct {
	Asset           htlc.AssetID
	PerCall, PerDay htlc.Amount
}

// Rules are what a guarded signer lets the node do. A node that was taken over
// can do all of it, and nothing else.
type Rules struct {
	// Chains are the only ones that are signed for.
	Chains []htlc.ChainID
	// Accounts are the only addresses of others that are paid, CAIP-10.
	Accounts []string
	// Parties are the only ones that swaps are agreed with; any where empty.
	Parties []htlc.PartyID
	Limits  []Limit
	// MaxFees is the most that a transaction may cost in a chain's own coin, by
	// chain, and FeesPerDay what all of them may in 24 hours; both have a value
	// where they say nothing. Redeems and refunds of signed Terms may cost more,
	// see guardedEVM.closes. Those of the Bitcoin family are not counted: they are
	// paid out of the contract alone.
	MaxFees, FeesPerDay map[htlc.ChainID]htlc.Amount
	// Margin is how long before the time lock of the leg that pays the party the
	// secret is still given.
	Margin time.Duration
	// Consent lets the party consent to early refunds of legs that pay it. That
	// its own leg is dead cannot be seen from here: it is the node's word.
	Consent bool
}

// Guarded are keys that judge by themselves what they sign.
type Guarded struct {
	keys    *Local
	rules   Rules
	journal *Journal
	now     func() time.Time
}

// NewGuarded puts rules before keys.
func NewGuarded(keys *Local, rules Rules, journal *Journal, now func() time.Time) *Guarded {
	rules.Accounts = slices.Clone(rules.Accounts)
	for i, account := range rules.Accounts {
		rules.Accounts[i] = canonical(account)
	}
	return &Guarded{keys: keys, rules: rules, journal: journal, now: now}
}

// Identity is that of Keys.
func (g *Guarded) Identity() Identity { return guardedIdentity{g} }

// Secrets is that of Keys.
func (g *Guarded) Secrets() Secrets { return guardedSecrets{g} }

// Storage is that of Keys.
func (g *Guarded) Storage(ctx context.Context) (wallet.StorageKeys, error) {
	return g.keys.Storage(ctx)
}

// XPub is that of Local.
func (g *Guarded) XPub(chain htlc.ChainID) (string, error) {
	if err := g.serves("describe an account", chain); err != nil {
		return "", err
	}
	return g.keys.XPub(chain)
}

// Bitcoin is that of Keys.
func (g *Guarded) Bitcoin(chain htlc.ChainID) (bitcoin.Signer, error) {
	if err := g.serves("open a wallet", chain); err != nil {
		return nil, err
	}
	keys, err := BitcoinKeysOf(g.keys.keys, chain)
	if err != nil {
		return nil, err
	}
	return guardedBitcoin{g: g, chain: chain, keys: bitcoin.NewLocalSigner(keys)}, nil
}

// EVM is that of Keys.
func (g *Guarded) EVM() (evm.Signer, error) {
	account, err := g.keys.EVM()
	if err != nil {
		return nil, err
	}
	return guardedEVM{g, account}, nil
}

func (g *Guarded) serves(op string, chain htlc.ChainID) error {
	if !slices.Contains(g.rules.Chains, chain) {
		return refuse(op, "it serves no chain %s", chain)
	}
	return nil
}

// payable refuses an address that is not on the list.
func (g *Guarded) payable(op string, chain htlc.ChainID, to string) error {
	if !slices.Contains(g.rules.Accounts, canonical(string(chain)+":"+to)) {
		return refuse(op, "%s is not on its payout list", to)
	}
	return nil
}

// canonical is the form in which accounts are compared: addresses of EVM chains
// have no case that counts.
func canonical(account string) string {
	if strings.HasPrefix(account, "eip155:") {
		return strings.ToLower(account)
	}
	return account
}

// take counts what is let go.
func (g *Guarded) take(e entry) error {
	e.At = g.now().UTC()
	for _, l := range g.rules.Limits {
		if l.Asset == e.Asset {
			return g.journal.take(e, l)
		}
	}
	return g.journal.take(e, Limit{})
}

// ownsLeg makes sure that the key of a role in a leg is the party's.
func (g *Guarded) ownsLeg(ctx context.Context, op string, salt htlc.Salt, leg htlc.Leg, role bitcoin.Role, index int) error {
	key := leg.PayerKey
	if role == bitcoin.Payee {
		key = leg.PayeeKey
	}
	if err := g.serves(op, leg.Chain()); err != nil {
		return err
	}
	var own []byte
	if leg.Chain().Namespace() == "eip155" {
		account, err := g.keys.EVM()
		if err != nil {
			return err
		}
		own = account.Address().Bytes()
	} else {
		s, err := g.keys.Bitcoin(leg.Chain())
		if err != nil {
			return err
		}
		public, err := s.LegKey(ctx, salt, role, index)
		if err != nil {
			return err
		}
		own = public.SerializeCompressed()
	}
	if !bytes.Equal(key, own) {
		return refuse(op, "the key in leg %d is not its own", index)
	}
	return nil
}

type guardedIdentity struct{ g *Guarded }

func (i guardedIdentity) PartyID() htlc.PartyID { return i.g.keys.identity.PartyID() }

func (i guardedIdentity) TLS() crypto.Signer { return guardedTLS(i) }

// SignOffer signs an offer of this party that gives what may be let go.
func (i guardedIdentity) SignOffer(ctx context.Context, o htlc.Offer) (htlc.Signature, error) {
	const op = "sign an offer"
	g := i.g
	if err := o.Validate(); err != nil {
		return htlc.Signature{}, refuse(op, "%v", err)
	}
	if err := g.began(ctx, op, o.Initiator, o.Salt, o.SecretHash); err != nil {
		return htlc.Signature{}, err
	}
	if err := g.ownsLeg(ctx, op, o.Salt, o.Gives, bitcoin.Payer, 0); err != nil {
		return htlc.Signature{}, err
	}
	if err := g.ownsLeg(ctx, op, o.Salt, o.Wants, bitcoin.Payee, 1); err != nil {
		return htlc.Signature{}, err
	}
	return g.keys.Identity().SignOffer(ctx, o)
}

// began makes sure that the party is the initiator, and the secret its own.
func (g *Guarded) began(ctx context.Context, op string, initiator htlc.PartyID, salt htlc.Salt, hash htlc.SecretHash) error {
	if initiator != g.keys.identity.PartyID() {
		return refuse(op, "the initiator is %s", initiator)
	}
	own, err := g.keys.Secrets().Hash(ctx, salt)
	if err != nil {
		return err
	}
	if own != hash {
		return refuse(op, "the secret is not its own")
	}
	return nil
}

// SignTerms signs Terms of which every key that should be the party's is, and
// lets the leg that it pays be funded.
func (i guardedIdentity) SignTerms(ctx context.Context, t htlc.Terms) (htlc.Signature, error) {
	const op = "sign terms"
	g := i.g
	if err := t.Validate(); err != nil {
		return htlc.Signature{}, refuse(op, "%v", err)
	}
	party := t.Party(i.PartyID())
	if party < 0 {
		return htlc.Signature{}, refuse(op, "it is no party to them")
	}
	if party == 0 {
		if err := g.began(ctx, op, t.Parties[0], t.Salt, t.SecretHash); err != nil {
			return htlc.Signature{}, err
		}
	}
	for n, other := range t.Parties {
		if n != party && len(g.rules.Parties) > 0 && !slices.Contains(g.rules.Parties, other) {
			return htlc.Signature{}, refuse(op, "it makes no swaps with %s", other)
		}
	}
	out, in := t.Outgoing(party), t.Incoming(party)
	if err := g.ownsLeg(ctx, op, t.Salt, t.Legs[out], bitcoin.Payer, out); err != nil {
		return htlc.Signature{}, err
	}
	if err := g.ownsLeg(ctx, op, t.Salt, t.Legs[in], bitcoin.Payee, in); err != nil {
		return htlc.Signature{}, err
	}
	contract, err := contractOf(t, out)
	if err != nil {
		return htlc.Signature{}, refuse(op, "%v", err)
	}
	pays, err := contractOf(t, in)
	if err != nil {
		return htlc.Signature{}, refuse(op, "%v", err)
	}
	err = g.take(entry{
		Key: fmt.Sprintf("terms %s", t.ID()), Asset: t.Legs[out].Asset, Amount: t.Legs[out].Amount, Contract: contract, Swap: t.ID().String(),
		Incoming: &leg{Contract: pays, Asset: t.Legs[in].Asset, Amount: t.Legs[in].Amount},
	})
	if err != nil {
		return htlc.Signature{}, err
	}
	return g.keys.Identity().SignTerms(ctx, t)
}

// contractOf is the id of a leg's contract.
func contractOf(t htlc.Terms, leg int) (string, error) {
	if t.Legs[leg].Chain().Namespace() == "eip155" {
		id, _, _, err := evm.ContractOf(t, leg)
		return id.Hex(), err
	}
	return bitcoin.ContractOf(t, leg)
}

// guardedTLS signs what TLS wants signed and nothing that could be taken for
// something else.
type guardedTLS struct{ g *Guarded }

func (t guardedTLS) Public() crypto.PublicKey { return t.g.keys.identity.Public() }

func (t guardedTLS) Sign(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if !isHandshake(message) && !isCertificate(message, t.Public()) {
		return nil, refuse("sign a handshake", "it is none of TLS 1.3, and no certificate of its own")
	}
	return t.g.keys.identity.Sign(rand, message, opts)
}

// isHandshake recognises what a CertificateVerify of TLS 1.3 signs (RFC 8446,
// section 4.4.3).
func isHandshake(message []byte) bool {
	padding := bytes.Repeat([]byte{0x20}, 64)
	for _, side := range []string{"server", "client"} {
		prefix := append(slices.Clone(padding), "TLS 1.3, "+side+" CertificateVerify\x00"...)
		// The transcript's hash has 32 or 48 bytes.
		if rest, ok := bytes.CutPrefix(message, prefix); ok && (len(rest) == sha256.Size || len(rest) == 48) {
			return true
		}
	}
	return false
}

// isCertificate recognises the signed part of a certificate for the party's key.
func isCertificate(message []byte, public crypto.PublicKey) bool {
	own, ok := public.(ed25519.PublicKey)
	if !ok {
		return false
	}
	oid := asn1.ObjectIdentifier{1, 3, 101, 112} // Ed25519
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm struct{ OID asn1.ObjectIdentifier }
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: message}, struct{ OID asn1.ObjectIdentifier }{oid}, asn1.BitString{Bytes: make([]byte, ed25519.SignatureSize), BitLength: 8 * ed25519.SignatureSize}})
	if err != nil {
		return false
	}
	certificate, err := x509.ParseCertificate(der)
	return err == nil && own.Equal(certificate.PublicKey)
}

type guardedSecrets struct{ g *Guarded }

// Hash is that of Secrets.
func (s guardedSecrets) Hash(ctx context.Context, salt htlc.Salt) (htlc.SecretHash, error) {
	return s.g.keys.Secrets().Hash(ctx, salt)
}

// Secret is given for Terms that were signed here, the first time as long as a
// redeem can still win. Given once it may be out, and the node has to redeem with
// it until the end: it's given again then whatever the time.
func (s guardedSecrets) Secret(ctx context.Context, t htlc.Terms) (htlc.Secret, error) {
	const op = "give a secret"
	g := s.g
	if err := t.Validate(); err != nil {
		return htlc.Secret{}, refuse(op, "%v", err)
	}
	if err := g.began(ctx, op, t.Parties[0], t.Salt, t.SecretHash); err != nil {
		return htlc.Secret{}, err
	}
	if !g.journal.signed(t.ID()) {
		return htlc.Secret{}, refuse(op, "it has not signed the terms %s", t.ID())
	}
	given := "secret " + hex.EncodeToString(t.SecretHash[:])
	lock := time.Unix(t.Legs[t.Incoming(0)].TimeLock, 0)
	if left := lock.Sub(g.now()); left < g.rules.Margin && !g.journal.noted(given) {
		return htlc.Secret{}, refuse(op, "the leg that pays it can be refunded in %s, it gives no secret in the last %s", left, g.rules.Margin)
	}
	if err := g.take(entry{Key: given}); err != nil {
		return htlc.Secret{}, err
	}
	return g.keys.Secrets().Secret(ctx, t)
}

// LegKey is that of Local.
func (g *Guarded) LegKey(salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PublicKey, error) {
	return g.keys.LegKey(salt, role, leg)
}
