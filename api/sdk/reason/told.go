package reason

// Detail is a narrower code, of one chain family or of the engine. It stands in
// the node's log; a call tells the reason that it belongs to.
type Detail struct {
	Code string
	Told Reason
	Text string
}

var details = []Detail{
	{"ALREADY_FUNDED", SwapState, "the contract is open on the chain already"},
	{"ALREADY_RESERVED", CoinsReserved, "the offer or swap holds a reservation of another amount"},
	{"ALREADY_SPENT", SwapState, "a coin or the contract was spent by another transaction"},
	{"BACKEND_AHEAD", NodeUnreachable, "a back end names a height whose blocks it does not show, or is alone ahead of all others; it is set aside"},
	{"BACKEND_CONTRADICTS", NodeUnreachable, "a back end tells another chain than most others, or a block that it does not show; it is set aside"},
	{"BACKEND_LIED", NodeUnreachable, "an answer of a back end was proved to be false; it is set aside"},
	{"BACKEND_STALE", NodeUnreachable, "a back end is behind the others and is set aside"},
	{"BACKEND_UNREACHABLE", NodeUnreachable, "a back end gives no answer; another one is asked"},
	{"BACKEND_WENT_BACK", NodeUnreachable, "a back end's height fell although the chain did not change; it is set aside"},
	{"BATCH_TOO_SMALL", SwapState, "fewer than two contracts can be redeemed together now; they are redeemed one by one"},
	{"BUDGET_TOO_SMALL", FeeOverBudget, "the market's fee is above the budget"},
	{"COINS_AWAY", CoinsReserved, "no coin of an unmined funding can be spent otherwise now; tried again with every block"},
	{"COIN_IN_USE", TransactionRefused, "another transaction in the mempool spends a coin, or the coin's own block was undone"},
	{"COIN_SPENT", TransactionRefused, "a coin of the transaction is spent in a block, or can never come back; the node signs again with others"},
	{"CONSENT_INVALID", PeerRefused, "the other party's answer does not complete the cooperative spend; the script path takes over"},
	{"CONTRACT_MISMATCH", TermsInvalid, "what stands on the chain is not the contract of the terms"},
	{"DUST_AMOUNT", AmountTooSmall, "the amount does not cover its own fees"},
	{"FEE_LADDER", InvalidArgument, "the feerates of a presigned spend must rise, within the bounds"},
	{"FEE_TOO_HIGH", TransactionRefused, "the back end refuses the fee as too high"},
	{"FEE_TOO_LOW", TransactionRefused, "the back end refuses the fee as too low; the node signs again"},
	{"FUNDING_DISPLACED", TransactionRefused, "the nonce was announced for another transaction; the node signs again"},
	{"LANE_NOT_FREE", CoinsReserved, "the lane of the deployment holds another lock"},
	{"NONCE_TAKEN", TransactionRefused, "the account's nonce went to another transaction; the node signs again"},
	{"NOTHING_TO_SPLIT", InvalidArgument, "an account has one balance and no coins that could be split; any number of swaps can use it at once"},
	{"NOT_FOR_A_BATCH", SwapState, "a contract that has to be redeemed alone: its deadline is near, or its own redeem on its way"},
	{"NOT_FUNDED", NothingToRefund, "the contract holds nothing"},
	{"NOT_RESERVED", CoinsReserved, "nothing is reserved for the swap any more"},
	{"NOT_WATCHED", Internal, "a contract that nobody asked to watch"},
	{"NO_CONSENT", SwapState, "the chain has no cooperative spend for this"},
	{"NO_FREE_LANE", CoinsReserved, "every lane of the deployment is taken by a swap; more can be configured"},
	{"PAYMENT_DISPLACED", TransactionRefused, "another transaction was announced for the nonce of a withdrawal; it is signed again once that is buried"},
	{"PAYOUT_BLOCKED", TransactionRefused, "the asset is paused, or an account is blocked: a refund cannot be paid now; tried again with every block"},
	{"PRESIGNED_INVALID", TermsInvalid, "a presigned spend is not one that this software has signed, or was altered"},
	{"PROPOSAL_INVALID", PeerRefused, "the other party asks consent to something else than the spend of this contract"},
	{"PSBT_INVALID", TermsInvalid, "a PSBT is not one that this software writes, or does not do what it is said to be for"},
	{"REDEEM_SIMULATION_FAILED", TransactionRefused, "the redeem fails in a simulation with a dummy secret; the gate stays shut"},
	{"REPLACEMENT_UNDERPRICED", TransactionRefused, "a replacement pays too little more; the node signs again"},
	{"SCRIPT_FAILED", TransactionRefused, "the back end finds a script invalid"},
	{"SECRET_UNKNOWN", Internal, "a redeem was asked for before the secret was known"},
	{"SESSION_OVER", SwapState, "the session of a cooperative spend was used or has failed; the node begins another"},
	{"SIGNER_ANSWER_WRONG", SignerRefused, "the signer gave no valid signature of what it was asked to sign; nothing was stored or sent"},
	{"SIGNER_CANNOT_COSIGN", SwapState, "keys in another process take no part in cooperative spends; the script path is used"},
	{"SIMULATION_UNSUPPORTED", NodeUnreachable, "the back end cannot simulate with changed state"},
	{"SPENT_IN_MEMPOOL", SwapState, "a transaction in the mempool spends the same coin"},
	{"SWEEP_SERVES", SwapState, "the stored sweep is as good as a new one; the node sends it again"},
	{"SWEEP_SIZE", SwapState, "too few or too many contracts for one transaction; the node redeems them otherwise"},
	{"SWEEP_TOO_LARGE", SwapState, "a contract whose own redeem could not take the sweep's place within its budget; the node redeems it otherwise"},
	{"SWEEP_TOO_LATE", SwapState, "a deadline is near; the node sends the contract's own redeem"},
	{"TOO_EARLY", RefundNotOpen, "the time lock is not open yet"},
	{"TOO_LATE_TO_FUND", CoinsReserved, "the lane was kept for a funding until a time that is past"},
	{"TX_REFUSED", TransactionRefused, "the back end refuses the transaction"},
	{"UNKNOWN_CHAIN", ForeignChain, "a chain whose parameters are not known"},
	{"UNKNOWN_CURSOR", ChainNotSynced, "the back end does not know a block that this node has seen; it is behind, or the chain was reorganised deeply"},
	{"UNKNOWN_EFFECT", Internal, "an effect of a newer version"},
	{"WRONG_DEPLOYMENT", BadConfig, "the code at the configured address is not the Solidity deployment; see `kofod deploy`"},
}

// Details lists the narrower codes.
func Details() []Detail { return append([]Detail(nil), details...) }

// Told is the reason that a call tells for a code: itself, or that of the
// narrower one; false for a code that is unknown.
func Told(code string) (Reason, bool) {
	if info, ok := Lookup(Reason(code)); ok {
		return info.Reason, true
	}
	for _, d := range details {
		if d.Code == code {
			return d.Told, true
		}
	}
	return "", false
}
