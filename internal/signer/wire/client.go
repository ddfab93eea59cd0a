package wire

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	signerv1 "github.com/kofo-network/kofo/api/gen/kofo/signer/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
	"github.com/kofo-network/kofo/internal/wallet"
)

// DefaultTimeout of one call. A chain's line of transactions waits for it.
const DefaultTimeout = 10 * time.Second

// reconnect: a signer that comes back is found within two seconds. By default it
// is looked for ever more rarely, up to two minutes apart, and a redeem may have
// no two minutes.
var reconnect = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}

// Options of a client.
type Options struct {
	Address string // host:port
	Own     Pair
	// Signer is the certificate of the process, in PEM.
	Signer []byte
	// Chains of the Bitcoin family that the node serves.
	Chains  []htlc.ChainID
	Timeout time.Duration
}

// Client are keys in another process.
type Client struct {
	conn    *grpc.ClientConn
	rpc     signerv1.SignerServiceClient
	timeout time.Duration
	party   htlc.PartyID
	wallets map[htlc.ChainID]*clientBitcoin
	account clientEVM
	// asked and told are what was described when the process was dialled.
	asked *signerv1.DescribeRequest
	told  *signerv1.DescribeResponse
}

// Dial connects and asks for what never changes. Afterwards the process may come
// and go: what needs it fails with signer.ErrUnreachable meanwhile.
func Dial(ctx context.Context, o Options) (*Client, error) {
	config, err := o.Own.client(o.Signer)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(o.Address, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: DefaultTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("signer at %s: %w", o.Address, err)
	}
	c := &Client{conn: conn, rpc: signerv1.NewSignerServiceClient(conn), timeout: o.Timeout, wallets: map[htlc.ChainID]*clientBitcoin{}}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if err := c.describe(ctx, o.Chains); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

func (c *Client) describe(ctx context.Context, chains []htlc.ChainID) error {
	req := &signerv1.DescribeRequest{}
	for _, chain := range chains {
		req.BitcoinChains = append(req.BitcoinChains, string(chain))
	}
	out, err := ask(ctx, c, "describe the party", c.rpc.Describe, req)
	if err != nil {
		return err
	}
	if len(out.GetParty()) != len(c.party) || len(out.GetAccounts()) != len(chains) || len(out.GetEvmAddress()) != 20 {
		return malformed("describe the party")
	}
	c.party = htlc.PartyID(out.GetParty())
	c.account = clientEVM{c, [20]byte(out.GetEvmAddress())}
	for i, account := range out.GetAccounts() {
		if account.GetChain() != string(chains[i]) {
			return malformed("describe the party")
		}
		if c.wallets[chains[i]], err = newClientBitcoin(c, chains[i], account.GetXpub()); err != nil {
			return err
		}
	}
	c.asked, c.told = req, out
	return nil
}

// Check makes the process answer, and compares its keys with those that it had
// when it was dialled: with others it would sign what nobody can use.
func (c *Client) Check(ctx context.Context) error {
	const op = "describe the party again"
	out, err := ask(ctx, c, op, c.rpc.Describe, c.asked)
	if err == nil && !proto.Equal(out, c.told) {
		err = malformed(op)
	}
	return err
}

// Identity is that of signer.Keys.
func (c *Client) Identity() signer.Identity { return clientIdentity{c} }

// Secrets is that of signer.Keys.
func (c *Client) Secrets() signer.Secrets { return clientSecrets{c} }

// Bitcoin is that of signer.Keys, for the chains of the options.
func (c *Client) Bitcoin(chain htlc.ChainID) (bitcoin.Signer, error) {
	w, ok := c.wallets[chain]
	if !ok {
		return nil, fmt.Errorf("the signer was not asked for chain %s: %w", chain, signer.ErrRefused)
	}
	return w, nil
}

// EVM is that of signer.Keys.
func (c *Client) EVM() (evm.Signer, error) { return c.account, nil }

// Storage is that of signer.Keys.
func (c *Client) Storage(ctx context.Context) (wallet.StorageKeys, error) {
	const op = "get the storage keys"
	out, err := ask(ctx, c, op, c.rpc.StorageKeys, &signerv1.StorageKeysRequest{})
	if err != nil {
		return wallet.StorageKeys{}, err
	}
	if len(out.GetSeal()) != 32 || len(out.GetRecovery()) != 32 {
		return wallet.StorageKeys{}, malformed(op)
	}
	defer clear(out.GetSeal())
	defer clear(out.GetRecovery())
	return wallet.NewStorageKeys([32]byte(out.GetSeal()), [32]byte(out.GetRecovery())), nil
}

// ask makes one call and tells its failure in the words of the node.
func ask[Q, A any](ctx context.Context, c *Client, op string, call func(context.Context, *Q, ...grpc.CallOption) (*A, error), req *Q) (*A, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out, err := call(ctx, req)
	if err == nil {
		return out, nil
	}
	text := errors.New(status.Convert(err).Message())
	switch r, _ := reason.Of(err); {
	case r == reason.SignerRefused:
		return nil, &adapters.Error{
			Reason: signer.ReasonRefused, Op: op, Retryable: true, Err: fmt.Errorf("%w: %w", signer.ErrRefused, text),
		}
	case status.Code(err) == codes.Unavailable, status.Code(err) == codes.DeadlineExceeded, status.Code(err) == codes.Canceled:
		return nil, &adapters.Error{
			Reason: signer.ReasonUnreachable, Op: op, Retryable: true,
			Advice: "it is asked again", Err: fmt.Errorf("%w: %w", signer.ErrUnreachable, text),
		}
	}
	return nil, &adapters.Error{Reason: signer.ReasonRefused, Op: op, Retryable: true, Err: fmt.Errorf("%w: %w", signer.ErrRefused, text)}
}

func malformed(op string) error {
	return &adapters.Error{
		Reason: "SIGNER_ANSWER_WRONG", Op: op, Retryable: true, Err: fmt.Errorf("%w: its answer is of no use", signer.ErrRefused),
	}
}

type clientIdentity struct{ c *Client }

func (i clientIdentity) PartyID() htlc.PartyID { return i.c.party }

func (i clientIdentity) TLS() crypto.Signer { return clientTLS(i) }

// verified is a signature that is the party's.
func (i clientIdentity) verified(op string, message, signature []byte) (htlc.Signature, error) {
	if len(signature) != ed25519.SignatureSize || !ed25519.Verify(i.c.party[:], message, signature) {
		return htlc.Signature{}, malformed(op)
	}
	return htlc.Signature(signature), nil
}

// SignOffer is that of signer.Identity.
func (i clientIdentity) SignOffer(ctx context.Context, o htlc.Offer) (htlc.Signature, error) {
	const op = "sign an offer"
	out, err := ask(ctx, i.c, op, i.c.rpc.SignOffer, &signerv1.SignOfferRequest{Offer: o.Encode()})
	if err != nil {
		return htlc.Signature{}, err
	}
	return i.verified(op, htlc.OfferMessage(o), out.GetSignature())
}

// SignTerms is that of signer.Identity.
func (i clientIdentity) SignTerms(ctx context.Context, t htlc.Terms) (htlc.Signature, error) {
	op := fmt.Sprintf("sign the terms of swap %s", t.ID())
	out, err := ask(ctx, i.c, op, i.c.rpc.SignTerms, &signerv1.SignTermsRequest{Terms: t.Encode()})
	if err != nil {
		return htlc.Signature{}, err
	}
	return i.verified(op, htlc.TermsMessage(t), out.GetSignature())
}

type clientTLS struct{ c *Client }

func (t clientTLS) Public() crypto.PublicKey { return ed25519.PublicKey(t.c.party[:]) }

// Sign is that of crypto.Signer, which knows no context: the client's time-out
// ends it.
func (t clientTLS) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	const op = "sign a handshake"
	if opts.HashFunc() != crypto.Hash(0) {
		return nil, malformed(op)
	}
	out, err := ask(context.Background(), t.c, op, t.c.rpc.SignHandshake, &signerv1.SignHandshakeRequest{Content: message})
	if err != nil {
		return nil, err
	}
	signature, err := clientIdentity(t).verified(op, message, out.GetSignature())
	return signature[:], err
}

type clientSecrets struct{ c *Client }

// Hash is that of signer.Secrets.
func (s clientSecrets) Hash(ctx context.Context, salt htlc.Salt) (htlc.SecretHash, error) {
	const op = "get the hash of a secret"
	out, err := ask(ctx, s.c, op, s.c.rpc.SecretHash, &signerv1.SecretHashRequest{Salt: salt[:]})
	if err != nil {
		return htlc.SecretHash{}, err
	}
	if len(out.GetHash()) != len(htlc.SecretHash{}) {
		return htlc.SecretHash{}, malformed(op)
	}
	return htlc.SecretHash(out.GetHash()), nil
}

// Secret is that of signer.Secrets.
func (s clientSecrets) Secret(ctx context.Context, terms htlc.Terms) (htlc.Secret, error) {
	op := fmt.Sprintf("get the secret of swap %s", terms.ID())
	out, err := ask(ctx, s.c, op, s.c.rpc.RevealSecret, &signerv1.RevealSecretRequest{Terms: terms.Encode()})
	if err != nil {
		return htlc.Secret{}, err
	}
	defer clear(out.GetSecret())
	secret, err := htlc.NewSecret(out.GetSecret())
	if err != nil || !secret.Opens(terms.SecretHash) {
		return htlc.Secret{}, malformed(op)
	}
	return secret, nil
}
