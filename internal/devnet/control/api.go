package control

// Paths of the API. Each takes a JSON object by POST; status is read by GET.
const (
	PathStatus       = "/v1/status"
	PathBitcoinMine  = "/v1/bitcoin/mine"
	PathBitcoinPay   = "/v1/bitcoin/pay"
	PathBitcoinReorg = "/v1/bitcoin/reorg"
	PathEVMMine      = "/v1/evm/mine"
	PathEVMPay       = "/v1/evm/pay"
	PathEVMReorg     = "/v1/evm/reorg"
	PathAdvance      = "/v1/advance"
	PathMining       = "/v1/mining"
)

// Reasons of a refusal, stable for programs.
const (
	ReasonUnauthorized      = "UNAUTHORIZED"
	ReasonBadRequest        = "BAD_REQUEST"
	ReasonFinalized         = "FINALIZED"
	ReasonInsufficientFunds = "INSUFFICIENT_FUNDS"
	ReasonInternal          = "INTERNAL"
)

// Error is a refusal by the devnet.
type Error struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Error is the text for people.
func (e *Error) Error() string { return "devnet: " + e.Reason + ": " + e.Message }

// Is compares by reason, so that a caller can write errors.Is(err, &Error{Reason: ...}).
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Reason == e.Reason
}

// Empty is the body of calls that say nothing more.
type Empty struct{}

// Status tells where both chains stand.
type Status struct {
	Bitcoin BitcoinStatus `json:"bitcoin"`
	EVM     EVMStatus     `json:"evm"`
}

// BitcoinStatus is the best block; times are unix seconds.
type BitcoinStatus struct {
	Height            int32  `json:"height"`
	Hash              string `json:"hash"`
	MedianTime        int64  `json:"median_time"`
	ClockAheadSeconds int64  `json:"clock_ahead_seconds"`
}

// EVMStatus is the head block; times are unix seconds.
type EVMStatus struct {
	Number            uint64 `json:"number"`
	Hash              string `json:"hash"`
	Time              int64  `json:"time"`
	Finalized         uint64 `json:"finalized"`
	ClockAheadSeconds int64  `json:"clock_ahead_seconds"`
}

// MineRequest asks for blocks.
type MineRequest struct {
	Blocks int `json:"blocks"`
}

// MineResponse names them.
type MineResponse struct {
	Hashes []string `json:"hashes"`
}

// PayRequest asks for coins. On Bitcoin Address may be a script in hexadecimal
// after "script:". With Confirm the payment is mined too.
type PayRequest struct {
	Address string `json:"address"`
	Amount  string `json:"amount"` // base units, decimal
	Confirm bool   `json:"confirm"`
}

// PayResponse names the payment.
type PayResponse struct {
	TxID string `json:"txid"`
}

// ReorgRequest replaces the newest blocks. Transactions in Insert are
// hexadecimal in the encoding of their chain.
type ReorgRequest struct {
	Depth         int      `json:"depth"`
	Blocks        int      `json:"blocks,omitempty"` // 0: depth + 1
	Empty         bool     `json:"empty,omitempty"`
	Without       []string `json:"without,omitempty"`
	Insert        []string `json:"insert,omitempty"`
	Evict         bool     `json:"evict,omitempty"`
	BreakFinality bool     `json:"break_finality,omitempty"` // EVM only
}

// ReorgResponse tells what came of it.
type ReorgResponse struct {
	OldTip  string   `json:"old_tip"`
	NewTip  string   `json:"new_tip"`
	Fork    uint64   `json:"fork"` // height of the newest common block
	LeftOut []string `json:"left_out"`
}

// AdvanceRequest moves the clock of the named chains.
type AdvanceRequest struct {
	Seconds int64 `json:"seconds"`
	Bitcoin bool  `json:"bitcoin"`
	EVM     bool  `json:"evm"`
}

// MiningRequest says which chains' tickers make blocks.
type MiningRequest struct {
	Bitcoin bool `json:"bitcoin"`
	EVM     bool `json:"evm"`
}
