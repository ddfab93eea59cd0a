package wire

import (
	"context"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters/bitcoin"
	signerv1 "github.com/kofo-network/kofo/api/gen/kofo/signer/v1"
	"github.com/kofo-network/kofo/htlc"
)

// maxKnown bounds how many public keys of legs are remembered.
const maxKnown = 4096

// clientBitcoin derives addresses from the account's public key and asks for
// everything else.
type clientBitcoin struct {
	c     *Client
	chain htlc.ChainID

	mu       sync.Mutex // extended keys memoize, so even reading writes
	branches [2]*hdkeychain.ExtendedKey
	known    map[bitcoin.LegKeyRef]*btcec.PublicKey
}

func newClientBitcoin(c *Client, chain htlc.ChainID, xpub string) (*clientBitcoin, error) {
	account, err := hdkeychain.NewKeyFromString(xpub)
	if err != nil || account.IsPrivate() {
		return nil, malformed(fmt.Sprintf("read the account on %s", chain))
	}
	w := &clientBitcoin{c: c, chain: chain, known: map[bitcoin.LegKeyRef]*btcec.PublicKey{}}
	for branch := range w.branches {
		if w.branches[branch], err = account.Derive(uint32(branch)); err != nil {
			return nil, fmt.Errorf("derive branch %d on %s: %w", branch, chain, err)
		}
	}
	return w, nil
}

// AccountKey is that of bitcoin.Signer.
func (w *clientBitcoin) AccountKey(branch bitcoin.Branch, index uint32) (*btcec.PublicKey, error) {
	if int(branch) >= len(w.branches) || index >= hdkeychain.HardenedKeyStart {
		return nil, fmt.Errorf("key path %d/%d is out of range", branch, index)
	}
	w.mu.Lock()
	child, err := w.branches[branch].Derive(index)
	w.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("derive key %d/%d: %w", branch, index, err)
	}
	return child.ECPubKey()
}

// LegKey is that of bitcoin.Signer. A key never changes, so it is asked for once.
func (w *clientBitcoin) LegKey(ctx context.Context, salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PublicKey, error) {
	ref := bitcoin.LegKeyRef{Salt: salt, Role: role, Leg: leg}
	w.mu.Lock()
	key, ok := w.known[ref]
	w.mu.Unlock()
	if ok {
		return key, nil
	}
	op := fmt.Sprintf("get the key of leg %d", leg)
	out, err := ask(ctx, w.c, op, w.c.rpc.LegKey, &signerv1.LegKeyRequest{Salt: salt[:], Role: uint32(role), Leg: uint32(leg)})
	if err != nil {
		return nil, err
	}
	if len(out.GetKey()) != btcec.PubKeyBytesLenCompressed {
		return nil, malformed(op)
	}
	if key, err = btcec.ParsePubKey(out.GetKey()); err != nil {
		return nil, malformed(op)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.known) >= maxKnown {
		clear(w.known)
	}
	w.known[ref] = key
	return key, nil
}

// SignPSBT is that of bitcoin.Signer.
func (w *clientBitcoin) SignPSBT(ctx context.Context, req bitcoin.SignRequest) ([]byte, error) {
	q := &signerv1.SignPSBTRequest{Chain: string(req.Chain), Purpose: string(req.Purpose), Leg: uint32(req.Leg), Psbt: req.PSBT}
	if req.Terms != nil {
		q.Terms = req.Terms.Encode()
	}
	out, err := ask(ctx, w.c, fmt.Sprintf("sign a %s on %s", req.Purpose, w.chain), w.c.rpc.SignPSBT, q)
	return out.GetPsbt(), err
}

type clientEVM struct {
	c       *Client
	address common.Address
}

// Address is that of evm.Signer.
func (e clientEVM) Address() common.Address { return e.address }

// SignTransaction is that of evm.Signer.
func (e clientEVM) SignTransaction(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := ask(ctx, e.c, "sign a transaction of "+e.address.Hex(), e.c.rpc.SignTransaction, &signerv1.SignTransactionRequest{Payload: payload})
	return out.GetSignature(), err
}

// SignConsent is that of evm.Signer.
func (e clientEVM) SignConsent(ctx context.Context, terms htlc.Terms, leg int) ([]byte, error) {
	out, err := ask(ctx, e.c, fmt.Sprintf("consent to the refund of leg %d", leg), e.c.rpc.SignConsent,
		&signerv1.SignConsentRequest{Terms: terms.Encode(), Leg: uint32(leg)})
	return out.GetSignature(), err
}
