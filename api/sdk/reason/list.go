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

	BudgetAboveValue Reason = "BUDGET_ABOVE_VALUE"
	BudgetNotHigher  Reason = "BUDGET_NOT_HIGHER"

	// Credentials.

	Unauthenticated  Reason = "UNAUTHENTICATED"
	PermissionDenied Reason = "PERMISSION_DENIED"
	CapExceeded      Reason = "CAP_EXCEEDED"
	PayoutNotAllowed Reason = "PAYOUT_NOT_ALLOWED"
	PayoutsFixed     Reason = "PAYOUTS_FIXED"
	LimitExceeded    Reason = "LIMIT_EXCEEDED"
	PartyNotAllowed  Reason = "PARTY_NOT_ALLOWED"
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
	ChainSuspended     Reason = "CHAIN_SUSPENDED"
	SignerUnreachable  Reason = "SIGNER_UNREACHABLE"
	SignerRefused      Reason = "SIGNER_REFUSED"

	// The node and its data.

	WrongSeed        Reason = "WRONG_SEED"
	DataNewer        Reason = "DATA_NEWER"
	AlreadyRunning   Reason = "ALREADY_RUNNING"
	BadConfig        Reason = "BAD_CONFIG"
	StoreUnavailable Reason = "STORE_UNAVAILABLE"
	DiskFull         Reason = "DISK_FULL"

	// Copies, backups and rescue.

	DataExists     Reason = "DATA_EXISTS"
	CopyDamaged    Reason = "COPY_DAMAGED"
	CopyForeign    Reason = "COPY_FOREIGN"
	RescueMismatch Reason = "RESCUE_MISMATCH"
	RescueHeld     Reason = "RESCUE_HELD"
	RescueInput    Reason = "RESCUE_INPUT"

	// Watchtowers.

	TowerNoAgreement Reason = "TOWER_NO_AGREEMENT"
	TowerQuota       Reason = "TOWER_QUOTA"
	TowerPrice       Reason = "TOWER_PRICE"
	TowerTooLong     Reason = "TOWER_TOO_LONG"
	TowerPackage     Reason = "TOWER_PACKAGE"
	TowerInUse       Reason = "TOWER_IN_USE"
	TowerChain       Reason = "TOWER_CHAIN"

	// The seed and its file.

	SeedWordCount       Reason = "SEED_WORD_COUNT"
	SeedWordUnknown     Reason = "SEED_WORD_UNKNOWN"
	SeedChecksum        Reason = "SEED_CHECKSUM"
	SeedFileExists      Reason = "SEED_FILE_EXISTS"
	SeedFileMissing     Reason = "SEED_FILE_MISSING"
	SeedFileDamaged     Reason = "SEED_FILE_DAMAGED"
	SeedFileVersion     Reason = "SEED_FILE_VERSION"
	SeedPassphraseWrong Reason = "SEED_PASSPHRASE_WRONG"
	SeedPassphraseWeak  Reason = "SEED_PASSPHRASE_WEAK"
	SeedLockKind        Reason = "SEED_LOCK_KIND"
	SeedKeyFileWrong    Reason = "SEED_KEY_FILE_WRONG"
	SeedKeyFileExists   Reason = "SEED_KEY_FILE_EXISTS"
	SeedKeyFileMissing  Reason = "SEED_KEY_FILE_MISSING"
	SeedKeyFileInvalid  Reason = "SEED_KEY_FILE_INVALID"
	SeedKeyFileExposed  Reason = "SEED_KEY_FILE_EXPOSED"

	// The configuration.

	ConfigFile           Reason = "CONFIG_FILE"
	ConfigSyntax         Reason = "CONFIG_SYNTAX"
	ConfigUnknownKey     Reason = "CONFIG_UNKNOWN_KEY"
	ConfigTwice          Reason = "CONFIG_TWICE"
	ConfigBadValue       Reason = "CONFIG_BAD_VALUE"
	ConfigMissing        Reason = "CONFIG_MISSING"
	ConfigConflict       Reason = "CONFIG_CONFLICT"
	ConfigProfileRefused Reason = "CONFIG_PROFILE_REFUSED"
	ConfigLocksTooLong   Reason = "CONFIG_LOCKS_TOO_LONG"

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

// Group is a part of the table, under a heading.
type Group struct {
	Title string
	Infos []Info
}

var groups = []Group{
	{"Tickets and the other texts of an agreement", []Info{
		{TicketExpired, codes.FailedPrecondition, "the ticket's accept-by time is past", "ask for a new ticket; its time can be set: `kofo swap offer --valid-for 1h`"},
		{TicketAltered, codes.InvalidArgument, "checksum or signature of a ticket, acceptance or countersignature is wrong, or a part is missing", "copy the whole line again; if it stays wrong, don't trust its sender"},
		{TicketUsed, codes.FailedPrecondition, "the ticket was accepted already", "ask for a new ticket"},
		{TicketVersion, codes.FailedPrecondition, "the text has a version that this node does not read", "update the older of the two nodes"},
		{TicketCancelled, codes.FailedPrecondition, "the offer was cancelled by its initiator", "ask for a new ticket"},
		{TicketKind, codes.InvalidArgument, "a text of another kind was handed in, such as a ticket where an acceptance belongs", "`kofo swap inspect` and `accept` take tickets, `countersign` takes acceptances, `complete` takes countersignatures"},
		{TicketOwn, codes.FailedPrecondition, "the ticket is this node's own", "hand it to the other party"},
	}},
	{"What is to be swapped", []Info{
		{ForeignChain, codes.FailedPrecondition, "a chain that this node does not serve", "`kofo chain list` shows the chains served; add the chain to the configuration, or ask for other assets"},
		{UnknownAsset, codes.FailedPrecondition, "an asset that this node does not list", "`kofo chain show CHAIN` lists its assets; tokens need an entry in the configuration"},
		{MainnetRefused, codes.FailedPrecondition, "mainnets are refused by this version", "use a test network"},
		{AmountTooSmall, codes.FailedPrecondition, "the amount does not cover its fees under stress, or is dust", "raise it to `min`"},
		{AmountTooLarge, codes.FailedPrecondition, "the amount is above what the chain or this node's limits allow", "lower it to `max`"},
		{TimeLockTooTight, codes.FailedPrecondition, "a time lock leaves less time than the schedule demands", "ask for a ticket with longer locks"},
		{TermsInvalid, codes.FailedPrecondition, "the terms contradict themselves, the ticket or this node's policy", "read the text; the other party has to change its offer"},
		{BadAddress, codes.InvalidArgument, "an address that is none of its chain", "check chain and spelling"},
	}},
	{"Funds", []Info{
		{InsufficientFunds, codes.FailedPrecondition, "less is spendable than the call needs", "pay in `missing` of `asset` (`kofo wallet addresses`), or wait for confirmations (`kofo wallet balances`)"},
		{RedeemFeeMissing, codes.FailedPrecondition, "the payee could not pay for its own redeem", "pay in `missing` of `asset` on the chain that pays you: `kofo wallet addresses`"},
		{CoinsReserved, codes.FailedPrecondition, "there would be enough, but other swaps hold it", "wait until the other swap closes, or cancel an offer: `kofo swap list`, `kofo swap cancel ID`. Bitcoin coins are reserved whole: with one coin there is one swap at a time, so make several of one that is free with `kofo wallet split`"},
		{FeeOverBudget, codes.FailedPrecondition, "the fee would exceed the budget or the caller's `max_fee`", "raise it (`kofo wallet withdraw --max-fee`), or wait for lower fees"},
	}},
	{"Swaps", []Info{
		{SwapNotFound, codes.NotFound, "no swap or offer of this id", "`kofo swap list` shows them"},
		{SwapState, codes.FailedPrecondition, "the swap's phase does not allow the call", "look at its phase and next action: `kofo swap show ID`"},
		{NotCancellable, codes.FailedPrecondition, "the own leg may already be funded, or the swap is closed", "`kofo swap show ID` says what comes next; a swap that goes on ends by redeem or refund, by itself"},
		{RefundNotOpen, codes.FailedPrecondition, "the time lock is not open yet", "wait until `at`; the node refunds by itself, and `kofo swap watch ID` shows it"},
		{NothingToRefund, codes.FailedPrecondition, "nothing of this node's is locked in the swap", "none is needed"},
		{BudgetAboveValue, codes.FailedPrecondition, "the budget is above the value at risk", "give at most `most`: a fee above it loses more than it saves"},
		{BudgetNotHigher, codes.FailedPrecondition, "the budget is no higher than the one that holds", "give more than `budget`; a budget is never lowered"},
		{CursorUnknown, codes.OutOfRange, "the cursor is older than what is kept, or of another node", "watch again without a cursor"},
	}},
	{"Credentials", []Info{
		{Unauthenticated, codes.Unauthenticated, "no credential, or one that is unknown, revoked or expired", "take another token, or make one: `kofo token create`; the owner's own, admin.token in the data folder, is written when the node first starts"},
		{PermissionDenied, codes.PermissionDenied, "the credential lacks a scope", "use a token with `scope`: `kofo token create --scope`"},
		{CapExceeded, codes.PermissionDenied, "the call moves more than the credential's cap for the asset allows, by call or by day", "move at most `max` in one call; of a cap by day wait until `at`, or use another token"},
		{PayoutNotAllowed, codes.PermissionDenied, "the destination is not on the payout list of the credential or of the node, or waits there until `at`", "use a listed address; `kofo payout list` shows the node's"},
		{PayoutsFixed, codes.FailedPrecondition, "the node's payout list cannot be changed in this way", "change `payouts` of the configuration and start the node again"},
		{LimitExceeded, codes.FailedPrecondition, "the call moves more than the node lets go of the asset at once or in 24 hours, whoever asks", "move at most `max` at once, of the limit by day wait until `at`; the limits stand in `payouts.limits` of the configuration"},
		{PartyNotAllowed, codes.FailedPrecondition, "the other party is not among those that this node swaps with", "add its public key to `payouts.parties` of the configuration"},
		{RateLimited, codes.ResourceExhausted, "too many calls or streams", "try again later"},
		{TokenNotFound, codes.NotFound, "no token of this id", "`kofo token list` shows them"},
	}},
	{"Requests", []Info{
		{InvalidArgument, codes.InvalidArgument, "a field breaks its rule", "correct `field`"},
		{RequestIDReused, codes.AlreadyExists, "the request id was used before, with other content", "take a new one for each new request"},
	}},
	{"Back ends and peers", []Info{
		{NodeUnreachable, codes.Unavailable, "a chain's back end, the other party's node or this node does not answer", "check address, certificate and network (`kofo chain list`), try again; an answer to a ticket can also go by hand"},
		{WrongChain, codes.FailedPrecondition, "a back end serves another chain than configured", "correct its URL or the chain's id"},
		{ChainNotSynced, codes.Unavailable, "a back end is still catching up", "wait for it; `kofo chain list` shows how far it is"},
		{PeerRefused, codes.FailedPrecondition, "the other party's node refused, without a reason that is known here", "read the text"},
		{TransactionRefused, codes.FailedPrecondition, "a back end refused the transaction", "read the text"},
		{ChainSuspended, codes.Unavailable, "nothing new is begun on a chain: it was reorganised deeply, stands still, or its back ends contradict each other", "wait: it ends by itself after some calm blocks (`kofo chain show`); if you know better, `kofo chain resume`"},
		{SignerUnreachable, codes.Unavailable, "the process that holds the keys does not answer; what is signed already goes on", "start it, check `signer` in the configuration and the certificates; it is asked again by itself"},
		{SignerRefused, codes.FailedPrecondition, "the process that holds the keys does not sign this", "read the text; its own configuration has the lists and limits"},
	}},
	{"The node and its data", []Info{
		{WrongSeed, codes.FailedPrecondition, "the words are not those of this node's data, or no valid seed", "check words and order"},
		{DataNewer, codes.FailedPrecondition, "the data were written by a newer version", "run that version"},
		{AlreadyRunning, codes.FailedPrecondition, "another process holds this node's data", "stop it first: `kofo node shutdown`"},
		{StoreUnavailable, codes.Unavailable, "the store does not answer", "check the database; swaps go on when it is back"},
		{DiskFull, codes.Unavailable, "the node's disk is nearly full, so it takes on no new swaps; running ones settle from the room that was kept for them", "make room on the disk of the data folder, `kofo doctor` says how much; the node then takes on swaps again by itself"},
	}},
	{"Copies, backups and rescue", []Info{
		{DataExists, codes.AlreadyExists, "there are data already, and a restore overwrites none", "restore into another data folder, or start the node on these data"},
		{CopyDamaged, codes.DataLoss, "a copy or a backup is damaged, was altered or was cut off", "take another; every swap has copies at several places"},
		{CopyForeign, codes.FailedPrecondition, "a copy or a backup is encrypted to another seed, or about another party", "check the words of the seed"},
		{RescueMismatch, codes.InvalidArgument, "what was typed in does not fit the terms", "compare it with the block explorer, digit by digit"},
		{RescueHeld, codes.FailedPrecondition, "to show the secret now is not safe: the other party could take both legs", "read the text; wait, or refund after the time lock"},
		{RescueInput, codes.InvalidArgument, "what was typed in for a rescue can't be read, or is missing", "the text says which; `kofo rescue show` prints what to look for, `--help` how to write it"},
	}},
	{"Watchtowers", []Info{
		{TowerNoAgreement, codes.PermissionDenied, "the tower keeps nothing for this party", "ask its operator to list this node's party (`kofo node info`) in `tower.owners`"},
		{TowerQuota, codes.ResourceExhausted, "the tower keeps as much for this party as was agreed", "ask its operator for more, or wait until swaps close"},
		{TowerPrice, codes.FailedPrecondition, "the tower asks another price than the configuration agrees to", "`kofo tower list` shows what it asks; to agree, write it word for word into `price` of the tower"},
		{TowerTooLong, codes.FailedPrecondition, "the tower keeps packages for a shorter time than the swap needs", "ask its operator for longer, or use another tower"},
		{TowerPackage, codes.InvalidArgument, "what was handed over is no package that the tower can keep", "read the text; update the older of node and tower"},
		{TowerInUse, codes.FailedPrecondition, "the package has opened, so it is not replaced any more", "none is needed: the tower works with the one that it has"},
		{TowerChain, codes.FailedPrecondition, "the tower does not follow the chain", "use a tower that follows it: `kofo tower list`"},
	}},
	{"The seed and its file", []Info{
		{SeedWordCount, codes.InvalidArgument, "a seed has 12, 15, 18, 21 or 24 words", "count the words"},
		{SeedWordUnknown, codes.InvalidArgument, "a word is not of the BIP-39 English list", "check its spelling; the text names its place"},
		{SeedChecksum, codes.InvalidArgument, "the words do not belong together: one is wrong, or two are swapped", "check words and order"},
		{SeedFileExists, codes.AlreadyExists, "there is a seed file, and it is not overwritten", "take another data folder for another seed: `kofo init --data-dir DIR`"},
		{SeedFileMissing, codes.FailedPrecondition, "there is no seed file", "run `kofo init`, or check the data folder"},
		{SeedFileDamaged, codes.DataLoss, "the seed file is damaged or was altered", "restore it from a copy, or from the words: `kofo init --import`"},
		{SeedFileVersion, codes.FailedPrecondition, "the seed file was written by a newer version", "run that version"},
		{SeedPassphraseWrong, codes.Unauthenticated, "the passphrase does not open the seed file", "try another; there is no way around it but the words"},
		{SeedPassphraseWeak, codes.InvalidArgument, "the passphrase is too short", "take a longer one; the text says how long"},
		{SeedLockKind, codes.FailedPrecondition, "the seed file is locked in another way: by a key file, or by a passphrase", "open it as it was locked"},
		{SeedKeyFileWrong, codes.Unauthenticated, "the key file does not open the seed file", "take the key file that the seed was locked with"},
		{SeedKeyFileExists, codes.AlreadyExists, "there is a key file, and it is not overwritten", "name another file"},
		{SeedKeyFileMissing, codes.FailedPrecondition, "there is no key file", "check its path"},
		{SeedKeyFileInvalid, codes.InvalidArgument, "the file is no key file: it has exactly one age identity", "take another file"},
		{SeedKeyFileExposed, codes.FailedPrecondition, "others than its owner may read the key file", "`chmod 600` the file, and think about who has read it"},
	}},
	{"The configuration", []Info{
		{BadConfig, codes.InvalidArgument, "the configuration is wrong", "correct `field`; `kofod config check` reports everything that is wrong"},
		{ConfigFile, codes.InvalidArgument, "the configuration file cannot be read", "check its path and who may read it"},
		{ConfigSyntax, codes.InvalidArgument, "the configuration file is no YAML", "correct the line that the text names"},
		{ConfigUnknownKey, codes.InvalidArgument, "a key or a variable of the environment that does not exist", "correct its spelling; the text may suggest one"},
		{ConfigTwice, codes.InvalidArgument, "a key or a name is given twice", "leave one out"},
		{ConfigBadValue, codes.InvalidArgument, "a value that is none of its key", "the text says what is expected"},
		{ConfigMissing, codes.InvalidArgument, "a value that is needed is missing", "add it"},
		{ConfigConflict, codes.InvalidArgument, "two values exclude each other", "leave one out"},
		{ConfigProfileRefused, codes.InvalidArgument, "the devnet profile is for chains of one's own, and this is none", "leave the profile out"},
		{ConfigLocksTooLong, codes.InvalidArgument, "the time locks of the chains exceed `policy.max_lock`", "shorten the timings, or raise the limit"},
	}},
	{"Calls", []Info{
		{ShuttingDown, codes.Unavailable, "the node is shutting down", "start it again"},
		{Internal, codes.Internal, "a fault of this node", "look into its log"},
		{NotImplemented, codes.Unimplemented, "the call does not exist in this version or role", "update the node, or ask the one that has the role"},
		{DeadlineExceeded, codes.DeadlineExceeded, "the caller's deadline passed or the caller went away", "repeat with the same request id; what was asked may have happened"},
	}},
}
