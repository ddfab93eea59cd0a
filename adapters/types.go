package adapters

import (
	"encoding/hex"
	"fmt"

	"github.com/kofo-network/kofo/htlc"
)

// Hash is a block hash in the byte order in which the chain's tools print it.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("block hash %q is not 64 hexadecimal digits", text)
	}
	copy(h[:], raw)
	return nil
}

// BlockRef names a block. Clock is what the chain compares time locks with
// (median time past in the Bitcoin family, the block's timestamp on EVM
// chains); Time is the block's own timestamp. Both are unix seconds.
type BlockRef struct {
	Height       uint64
	Hash, Parent Hash
	Time, Clock  int64
}

// Contract is one locked output or record as its Terms define it.
type Contract struct {
	// ID is unique on the chain: the output script in hex, or the EVM id.
	ID      string
	Swap    htlc.SwapID
	Leg     int
	Chain   htlc.ChainID
	Address string // for people
}

// FactKind says what a transaction did to a watched contract.
type FactKind uint8

// The kinds of Fact.
const (
	Funded FactKind = iota + 1
	Redeemed
	Refunded
	ClosedByConsent
	// Mismatched: something was locked under the contract's id that is not
	// what the Terms say, such as another amount. It never counts as funded.
	Mismatched
)

func (k FactKind) String() string {
	names := [...]string{"unknown", "funded", "redeemed", "refunded", "closed-by-consent", "mismatched"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Fact is what one transaction did to one watched contract.
type Fact struct {
	Kind     FactKind
	Contract string // Contract.ID
	TxID     string
	// Ref locates the funded output or record, in the adapter's own form; it
	// is handed back in Spend. Set for Funded.
	Ref string
	// Secret is set for Redeemed.
	Secret *htlc.Secret
	// Detail says in words what differs. Set for Mismatched.
	Detail string
	// Own: the transaction spends coins of this adapter's own account. Set for
	// Funded, where others can fund the contract too.
	Own bool `json:",omitempty"`
}

// StepKind says where a Step leads.
type StepKind uint8

// The kinds of Step.
const (
	AtTip      StepKind = iota // nothing follows the cursor yet
	Connect                    // Block follows the cursor
	Disconnect                 // the cursor's block left the chain; Block is its parent
)

// Step is what follows a cursor.
type Step struct {
	Kind  StepKind
	Block BlockRef
	Facts []Fact // of a connected block, in the block's order
}

// Located is a fact found by a scan of past blocks.
type Located struct {
	Fact
	Block BlockRef
}

// RawTx is a signed transaction. A redeem contains the Secret, so it prints
// redacted; convert to []byte to store (sealed) or broadcast it.
type RawTx []byte

// Format keeps every verb from printing the bytes.
func (r RawTx) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "tx(%d bytes, redacted)", len(r)) }

// MarshalText keeps encoders from writing the bytes.
func (r RawTx) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "tx(%d bytes, redacted)", len(r)), nil
}

// Tx is a signed transaction before it is broadcast. The caller stores it
// first.
type Tx struct {
	Chain   htlc.ChainID
	ID      string
	Raw     RawTx
	Fee     htlc.Amount // most that it can cost, in the chain's own coin
	FeeRate uint64      // sat per 1,000 vbytes, or wei per gas
	// Account and Nonce are set on chains with account nonces. (Chain,
	// Account, Nonce) is unique among live transactions: a replacement has the
	// same nonce and names what it replaces.
	Account string
	Nonce   uint64
	// Spends are the coins that it spends, as "txid:index".
	Spends   []string
	Replaces string
}

// Funding is a signed lock of a leg's amount. Txs are broadcast in order (an
// approval may come first); Lock is the index of the one that locks. Refund
// is signed in advance where the chain wants one.
type Funding struct {
	Txs    []Tx
	Lock   int
	Refund *Tx
}

// FeePolicy is how urgent a spend is. An adapter picks the market's feerate
// while the deadline is far and climbs to the budget before it.
type FeePolicy struct {
	Now, Deadline int64 // unix seconds by the chain's clock; no deadline is 0
	// Window is how many seconds before the deadline the climb begins; zero: as
	// the adapter is configured.
	Window int64
	Budget htlc.Amount // what the climb goes up to, in the chain's own coin
	// Must: whoever does not pay the market's feerate now may lose the leg. The
	// market's is then paid above the budget too, up to what the leg is worth
	// where it is the chain's own coin, and to what the account has. Without it
	// nothing is signed above the budget.
	Must bool
}

// Spend asks for a signed redeem or refund of a leg's contract.
type Spend struct {
	Terms   htlc.Terms
	Leg     int
	Ref     string // Fact.Ref of the funding
	FundTx  string
	Secret  htlc.Secret // of a redeem
	Fees    FeePolicy
	Replace *Tx // the last stored spend; the same is returned where it still serves
}

// Abandonment asks to make fundings of our own, which are in no block, impossible
// for ever: something else spends a coin, or the nonce, that each of them needs.
type Abandonment struct {
	Owner string // of the reservation
	Terms htlc.Terms
	Leg   int
	// Fundings are all transactions of the purpose that may have left the
	// process, in the order in which they were signed.
	Fundings []Tx
	Fees     FeePolicy
	// Confirmations is the depth at which something else counts as final.
	Confirmations uint64
	Replace       *Tx // the last stored abandonment; the same is returned where it still serves
}

// Abandoned is how far an abandonment is.
type Abandoned struct {
	// Void: none of the fundings can ever be in a block again. Read from the
	// chain's state at the asked depth, never from a missing answer.
	Void bool
	// Tx is what to store and to broadcast; nil where that helps nothing now,
	// because something that conflicts waits for its depth, or a funding is in
	// a block after all.
	Tx *Tx
}

// FeeQuote is what a leg of an asset costs, in Coin's base units.
type FeeQuote struct {
	Coin AssetIDs
	// At the market's feerate now.
	Fund, Redeem, Refund htlc.Amount
	// At the feerate that budgets and smallest amounts are computed with.
	StressRedeem, StressRefund htlc.Amount
	// Smallest and largest amount of the asset that a leg may carry.
	Min, Max htlc.Amount
}

// AssetIDs names the quoted asset and the coin that its fees are paid in.
type AssetIDs struct{ Asset, FeeCoin htlc.AssetID }

// Reservation asks for what a payer commits to before anyone signs: coins, a
// lane, the fees for lock and refund. Owner is the offer or swap that holds it
// and by which it is released.
type Reservation struct {
	Owner  string
	Asset  htlc.AssetID
	Amount htlc.Amount
	Salt   htlc.Salt
	Leg    int
}

// PayerPart is what a reservation puts into the payer's leg.
type PayerPart struct {
	Key            []byte
	Deployment     []byte
	Lane, Sequence uint64
}

// Balance of one asset. Spendable excludes what is reserved or unconfirmed.
type Balance struct {
	Asset                        htlc.AssetID
	Spendable, Reserved, Pending htlc.Amount
}

// ToSelf is Withdrawal.To of a split.
const ToSelf = "self"

// Withdrawal moves coins out of the wallet, or divides them in it.
type Withdrawal struct {
	RequestID string
	Asset     htlc.AssetID
	To        string
	Amount    htlc.Amount
	MaxFee    htlc.Amount // zero: the market's
	// Parts is how many coins of Amount each a split makes, paid to the wallet
	// itself: To is then ToSelf. Zero for a payment.
	Parts int
}

// Status is a back end's state for people and metrics.
type Status struct {
	Chain   htlc.ChainID
	Tip     BlockRef
	Backend string // node software and version
	Synced  bool
}

// Paid is what a transaction of ours in a block has cost and how deep it is.
type Paid struct {
	Fee                   htlc.Amount // in the chain's own coin
	Height, Confirmations uint64      // of its block
	Failed                bool        // it is in a block and did nothing but cost its fee
}
