package bitcoin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// SimulateRedeem runs the redeem with a dummy secret in the script engine. The
// same contract with the dummy's hash and a dummy's key in place of the real
// ones must be redeemed by them; the real contract, whose key must be ours, must
// refuse the dummy for its hash alone. Where ref is given, the output there must
// be the contract, unspent.
func (a *Adapter) SimulateRedeem(ctx context.Context, terms htlc.Terms, leg int, ref string) error {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return err
	}
	point := wire.OutPoint{}
	if ref != "" {
		if point, err = parseRef(ref); err != nil {
			return err
		}
		if err := a.node.verify(ctx); err != nil {
			return err
		}
		if err := a.checkUnspent(ctx, c, point); err != nil {
			return err
		}
	}
	if err := a.ownLegKey(ctx, terms.Salt, Payee, leg, c.payee); err != nil {
		return err
	}
	dummy, err := dummySecret()
	if err != nil {
		return err
	}
	// The twin pays a key of the moment: our own may be in another process, and
	// is for real contracts only.
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return fmt.Errorf("draw a key: %w", err)
	}
	defer key.Zero()
	terms.SecretHash, terms.Legs = dummy.Hash(), slices.Clone(terms.Legs)
	terms.Legs[leg].PayeeKey = key.PubKey().SerializeCompressed()
	twin, err := buildContract(a.params, terms, leg)
	if err != nil {
		return err
	}
	payout, err := a.payoutFor(ctx, c)
	if err != nil {
		return err
	}
	return simulate(c, twin, point, dummy, payout, key)
}

func dummySecret() (htlc.Secret, error) {
	var raw [htlc.SecretSize]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return htlc.Secret{}, fmt.Errorf("draw a dummy secret: %w", err)
	}
	return htlc.NewSecret(raw[:])
}

func simulate(real, twin *contract, point wire.OutPoint, dummy htlc.Secret, payout []byte, key *btcec.PrivateKey) error {
	if err := run(twin.redeeming(point, dummy, payout), key); err != nil {
		return simulationFailed("the contract with a dummy's hash: %v", err)
	}
	err := run(real.redeeming(point, dummy, payout), key)
	if !txscript.IsErrorCode(errors.Unwrap(err), txscript.ErrEqualVerify) {
		return simulationFailed("the contract should refuse a dummy for its hash alone: %v", err)
	}
	return nil
}

// simulationRate prices a rehearsal, which no node sees.
const simulationRate = 1_000

func run(s spending, key *btcec.PrivateKey) error {
	fee := feeFor(simulationRate, virtualSize(s.unsigned(0)))
	tx := s.unsigned(fee)
	if err := s.sign(tx, key); err != nil {
		return err
	}
	return s.check(tx)
}

func simulationFailed(format string, args ...any) error {
	return &adapters.Error{
		Reason: "REDEEM_SIMULATION_FAILED", Op: "simulate the redeem",
		Err: fmt.Errorf("%w: %s", adapters.ErrMismatch, fmt.Sprintf(format, args...)),
	}
}

// CheckMeans is nil where the payer's reservation, or free coins where nothing
// is reserved yet, pay for the funding at the stress rate, or where the contract
// pays for the payee's redeem at it. It may be asked before the other party has
// chosen its half of the leg.
func (a *Adapter) CheckMeans(ctx context.Context, owner string, terms htlc.Terms, leg int, payer bool) error {
	amount, err := checkLegAmount(a.params, terms, leg)
	if err != nil {
		return err
	}
	output := wire.NewTxOut(amount, make([]byte, taprootScriptSize))
	if !payer {
		least := feeFor(a.config.StressFee, redeemSize) + a.params.dustLimit(output.PkScript)
		if amount < least {
			return insufficient(fmt.Sprintf("redeem %d satoshi at stress fees", amount), least-amount)
		}
		return nil
	}
	return a.wallet.current(ctx, func() error {
		w := a.wallet
		coins, whole := w.heldBy(owner)
		if whole.used {
			return nil // the funding is on its way and paid
		}
		pick := choice(all)
		if len(coins) == 0 {
			coins, pick = w.free(), fewest
		}
		_, err := w.author(owner, []*wire.TxOut{output}, a.config.StressFee, coins, pick)
		if err != nil {
			return w.explain(err)
		}
		return nil
	})
}

// Funded reads the chain's state: whether the contract stands unspent at ref, in
// a block that is not above the given one. What the mempool says does not count.
func (a *Adapter) Funded(ctx context.Context, terms htlc.Terms, leg int, ref string, at adapters.BlockRef) (bool, error) {
	c, err := buildContract(a.params, terms, leg)
	if err != nil {
		return false, err
	}
	if ref == "" {
		return false, nil
	}
	point, err := parseRef(ref)
	if err != nil {
		return false, err
	}
	if err := a.node.verify(ctx); err != nil {
		return false, err
	}
	for range maxRaces {
		funded, err := a.fundedAt(ctx, c, point, at)
		if !errors.Is(err, errRace) {
			return funded, err
		}
	}
	return false, unreachable("read the contract's state", errRace)
}

func (a *Adapter) fundedAt(ctx context.Context, c *contract, point wire.OutPoint, at adapters.BlockRef) (bool, error) {
	stands, err := a.node.hashAt(ctx, at.Height)
	if errors.Is(err, errNoBlock) || err == nil && stands != at.Hash {
		return false, unknownCursor(at)
	}
	if err != nil {
		return false, err
	}
	out, err := a.node.txOut(ctx, point, false)
	if err != nil || out == nil || out.confirmations == 0 {
		return false, err
	}
	height, best, err := a.node.best(ctx)
	if err != nil {
		return false, err
	}
	if out.best != best {
		return false, errRace
	}
	return c.compare(out) == nil && height+1-out.confirmations <= at.Height, nil
}
