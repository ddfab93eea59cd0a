package reason

import "google.golang.org/grpc/codes"

// The reasons. A name is never used again for something else.
const (
	// Tickets and the other texts of the agreement.

	TicketExpired   Reason = "TICKET_EXPIRED"
	TicketAltered   Reason = "TICKET_ALTERED"
	TicketUsed      Reason = "TICKET_USED"
	TicketVersion   Reason = "TICKET_VERSION"
	TicketCancelled Reason = "TICKET_CANCELLED"
	TicketKind      Reason = "TICKET_KIND"
	TicketOwn       Reason = "TICKET_OWN"

	// What is to be swapped.

	ForeignChain     Reason = "FOREIGN_CHAIN"
	UnknownAsset     Reason = "UNKNOWN_ASSET"
	MainnetRefused   Reason = "MAINNET_REFUSED"
	AmountTooSmall   Reason = "AMOUNT_TOO_SMALL"
	AmountTooLarge   Reason = "AMOUNT_TOO_LARGE"
	TimeLockTooTight Reason = "TIME_LOCK_TOO_TIGHT"
	TermsInvalid     Reason = "TERMS_INVALID"
	BadAddress       Reason = "BAD_ADDRESS"

	// Funds.

	InsufficientFunds Reason = "INSUFFICIENT_FUNDS"
	RedeemFeeMissing  Reason = "REDEEM_FEE_MISSING"
	CoinsReserved     Reason = "COINS_RESERVED"
	FeeOverBudget     Reason = "FEE_OVER_BUDGET"

	// Swaps.

	SwapNotFound    Reason = "SWAP_NOT_FOUND"
	SwapState       Reason = "SWAP_STATE"
	NotCancellable  Reason = "NOT_CANCELLABLE"
	RefundNotOpen   Reason = "REFUND_NOT_OPEN"
	NothingToRefund Reason = "NOTHING_TO_REFUND"
	CursorUnknown   Reason = "CURSOR_UNKNOWN"

	// Credentials.

	Unauthenticated  Reason = "UNAUTHENTICATED"
	PermissionDenied Reason = "PERMISSION_DENIED"
	CapExceeded      Reason = "CAP_EXCEEDED"
	PayoutNotAllowed Reason = "PAYOUT_NOT_ALLOWED"
	RateLimited      Reason = "RATE_LIMITED"
	TokenNotFound    Reason = "TOKEN_NOT_FOUND"

	// Requests.

	InvalidArgument Reason = "INVALID_ARGUMENT"
	RequestIDReused Reason = "REQUEST_ID_REUSED"

	// Back ends and peers.

	NodeUnreachable    Reason = "NODE_UNREACHABLE"
	WrongChain         Reason = "WRONG_CHAIN"
	ChainNotSynced     Reason = "CHAIN_NOT_SYNCED"
	PeerRefused        Reason = "PEER_REFUSED"
	TransactionRefused Reason = "TRANSACTION_REFUSED"

	// The node and its data.

	WrongSeed          Reason = "WRONG_SEED"
	WrongPassphrase    Reason = "WRONG_PASSPHRASE"
	DataNewer          Reason = "DATA_NEWER"
	AlreadyRunning     Reason = "ALREADY_RUNNING"
	BadConfig          Reason = "BAD_CONFIG"
	NotInitialised     Reason = "NOT_INITIALISED"
	AlreadyInitialised Reason = "ALREADY_INITIALISED"
	DiskFull           Reason = "DISK_FULL"
	StoreUnavailable   Reason = "STORE_UNAVAILABLE"

	// Calls.

	ShuttingDown     Reason = "SHUTTING_DOWN"
	Internal         Reason = "INTERNAL"
	NotImplemented   Reason = "NOT_IMPLEMENTED"
	DeadlineExceeded Reason = "DEADLINE_EXCEEDED"
)

// Info says what a reason means and what to do.
type Info struct {
	Reason Reason
	Code   codes.Code
	// Text says what happened, Advice what the caller can do.
	Text, Advice string
}

var all = []Info{
	{TicketExpired, codes.FailedPrecondition, "the ticket's accept-by time is past", "ask for a new ticket"},
	{TicketAltered, codes.InvalidArgument, "checksum or signature of a ticket, acceptance or countersignature is wrong, or a part is missing", "copy the whole line again; if it stays wrong, don't trust its sender"},
	{TicketUsed, codes.FailedPrecondition, "the ticket was accepted already", "ask for a new ticket"},
	{TicketVersion, codes.FailedPrecondition, "the text has a version that this node does not read", "update the older of the two nodes"},
	{TicketCancelled, codes.FailedPrecondition, "the offer was cancelled by its initiator", "ask for a new ticket"},
	{TicketKind, codes.InvalidArgument, "a text of another kind was handed in, such as a ticket where an acceptance belongs", "inspect takes tickets, countersign acceptances, complete countersignatures"},
	{TicketOwn, codes.FailedPrecondition, "the ticket is this node's own", "hand it to the other party"},
	{ForeignChain, codes.FailedPrecondition, "a chain that this node does not serve", "add the chain to the configuration, or ask for other assets"},
	{UnknownAsset, codes.FailedPrecondition, "an asset that this node does not list", "see the assets of the chain's status; tokens need an entry in the configuration"},
	{MainnetRefused, codes.FailedPrecondition, "mainnets are refused by this version", "use a test network"},
	{AmountTooSmall, codes.FailedPrecondition, "the amount does not cover its fees under stress, or is dust", "raise it to `min`"},
	{AmountTooLarge, codes.FailedPrecondition, "the amount is above what the chain or this node's limits allow", "lower it to `max`"},
	{TimeLockTooTight, codes.FailedPrecondition, "a time lock leaves less time than the schedule demands", "ask for a ticket with longer locks"},
	{TermsInvalid, codes.FailedPrecondition, "the terms contradict themselves, the ticket or this node's policy", "read the text; the other party has to change its offer"},
	{BadAddress, codes.InvalidArgument, "an address that is none of its chain", "check chain and spelling"},
	{InsufficientFunds, codes.FailedPrecondition, "less is spendable than the call needs", "pay in `missing` of `asset`, or wait for confirmations"},
	{RedeemFeeMissing, codes.FailedPrecondition, "the payee could not pay for its own redeem", "pay in `missing` of `asset` on the chain that pays you"},
	{CoinsReserved, codes.FailedPrecondition, "there would be enough, but other swaps hold it", "wait for them, or cancel an offer"},
	{FeeOverBudget, codes.FailedPrecondition, "the fee would exceed the budget or the caller's `max_fee`", "raise it, or wait for lower fees"},
	{SwapNotFound, codes.NotFound, "no swap or offer of this id", "list them"},
	{SwapState, codes.FailedPrecondition, "the swap's phase does not allow the call", "look at its phase and next action"},
	{NotCancellable, codes.FailedPrecondition, "the own leg may already be funded", "it ends by redeem or refund, by itself"},
	{RefundNotOpen, codes.FailedPrecondition, "the time lock is not open yet", "wait until `at`; the node refunds by itself"},
	{NothingToRefund, codes.FailedPrecondition, "nothing of this node's is locked in the swap", "none is needed"},
	{CursorUnknown, codes.OutOfRange, "the cursor is older than what is kept, or of another node", "watch again without a cursor"},
	{Unauthenticated, codes.Unauthenticated, "no credential, or one that is unknown, revoked or expired", "make a token"},
	{PermissionDenied, codes.PermissionDenied, "the credential lacks a scope", "use a token with `scope`"},
	{CapExceeded, codes.PermissionDenied, "the credential's cap for the asset is used up", "wait, or use another token"},
	{PayoutNotAllowed, codes.PermissionDenied, "the destination is not on the credential's payout list", "use a listed address"},
	{RateLimited, codes.ResourceExhausted, "too many calls or streams", "try again later"},
	{TokenNotFound, codes.NotFound, "no token of this id", "list them"},
	{InvalidArgument, codes.InvalidArgument, "a field breaks its rule", "correct `field`"},
	{RequestIDReused, codes.AlreadyExists, "the request id was used before, with other content", "take a new one for each new request"},
	{NodeUnreachable, codes.Unavailable, "a chain's back end, the other party's node or this node does not answer", "check address, certificate and network, try again; an answer can also go by hand"},
	{WrongChain, codes.FailedPrecondition, "a back end serves another chain than configured", "correct its URL or the chain's id"},
	{ChainNotSynced, codes.Unavailable, "a back end is still catching up", "wait for it"},
	{PeerRefused, codes.FailedPrecondition, "the other party's node refused, without a reason that is known here", "read the text"},
	{TransactionRefused, codes.FailedPrecondition, "a back end refused the transaction", "read the text"},
	{WrongSeed, codes.FailedPrecondition, "the words are not those of this node's data, or no valid seed", "check words and order"},
	{WrongPassphrase, codes.Unauthenticated, "the passphrase or key file does not open the seed", "try another; there is no way around it but the words"},
	{DataNewer, codes.FailedPrecondition, "the data were written by a newer version", "run that version"},
	{AlreadyRunning, codes.FailedPrecondition, "another process holds this node's data", "stop it first"},
	{BadConfig, codes.InvalidArgument, "the configuration is wrong", "correct `field`"},
	{NotInitialised, codes.FailedPrecondition, "the node has no seed yet", "run `kofo init`"},
	{AlreadyInitialised, codes.FailedPrecondition, "the node has a seed already", "take another data folder for another seed"},
	{DiskFull, codes.ResourceExhausted, "too little disk space for new swaps", "make room; running swaps go on"},
	{StoreUnavailable, codes.Unavailable, "the store does not answer", "check the database; swaps go on when it is back"},
	{ShuttingDown, codes.Unavailable, "the node is shutting down", "start it again"},
	{Internal, codes.Internal, "a fault of this node", "look into its log"},
	{NotImplemented, codes.Unimplemented, "the call does not exist in this version or role", "update the node, or ask the one that has the role"},
	{DeadlineExceeded, codes.DeadlineExceeded, "the caller's deadline passed or the caller went away", "repeat with the same request id; what was asked may have happened"},
}
