package sdk

import (
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
)

// The messages of the protos. A WatchUpdate is what the proto calls a
// WatchResponse, a TokenInfo what it calls a Token.
type (
	// Amounts and lists.

	AssetAmount = kofov1.AssetAmount
	Page        = kofov1.Page

	// Swaps.

	Leg          = kofov1.Leg
	NextAction   = kofov1.NextAction
	Risk         = kofov1.Risk
	Finding      = kofov1.Finding
	FeePaid      = kofov1.FeePaid
	Swap         = kofov1.Swap
	HistoryEntry = kofov1.HistoryEntry
	Role         = kofov1.Role
	Phase        = kofov1.Phase
	Outcome      = kofov1.Outcome
	LegRole      = kofov1.LegRole
	LegStatus    = kofov1.LegStatus
	ActionKind   = kofov1.ActionKind
	FindingState = kofov1.FindingState
	FeeKind      = kofov1.FeeKind

	// Settlement.

	Quote               = kofov1.Quote
	QuotedLeg           = kofov1.QuotedLeg
	ChainDepth          = kofov1.ChainDepth
	QuoteRequest        = kofov1.QuoteRequest
	QuoteResponse       = kofov1.QuoteResponse
	OfferRequest        = kofov1.OfferRequest
	OfferResponse       = kofov1.OfferResponse
	InspectRequest      = kofov1.InspectRequest
	InspectResponse     = kofov1.InspectResponse
	Refusal             = kofov1.Refusal
	AcceptRequest       = kofov1.AcceptRequest
	AcceptResponse      = kofov1.AcceptResponse
	CountersignRequest  = kofov1.CountersignRequest
	CountersignResponse = kofov1.CountersignResponse
	CompleteRequest     = kofov1.CompleteRequest
	CompleteResponse    = kofov1.CompleteResponse
	CancelRequest       = kofov1.CancelRequest
	CancelResponse      = kofov1.CancelResponse
	RefundRequest       = kofov1.RefundRequest
	RefundResponse      = kofov1.RefundResponse
	RaiseBudgetRequest  = kofov1.RaiseBudgetRequest
	RaiseBudgetResponse = kofov1.RaiseBudgetResponse
	BudgetPurpose       = kofov1.BudgetPurpose
	Budget              = kofov1.Budget
	Branch              = kofov1.Branch
	SignatureState      = kofov1.SignatureState
	BranchSignature     = kofov1.BranchSignature
	GetRequest          = kofov1.GetRequest
	GetResponse         = kofov1.GetResponse
	Documents           = kofov1.Documents
	ListRequest         = kofov1.ListRequest
	ListResponse        = kofov1.ListResponse
	HistoryRequest      = kofov1.HistoryRequest
	HistoryResponse     = kofov1.HistoryResponse
	ExportRequest       = kofov1.ExportRequest
	ExportResponse      = kofov1.ExportResponse
	ExportedFee         = kofov1.ExportedFee
	StatisticsRequest   = kofov1.StatisticsRequest
	StatisticsResponse  = kofov1.StatisticsResponse
	PairStatistics      = kofov1.PairStatistics
	CostStatistics      = kofov1.CostStatistics
	WatchRequest        = kofov1.WatchRequest
	WatchUpdate         = kofov1.WatchResponse
	WatchKind           = kofov1.WatchKind

	// Wallet.

	Address              = kofov1.Address
	Balance              = kofov1.Balance
	WalletTx             = kofov1.WalletTx
	AddressesRequest     = kofov1.AddressesRequest
	AddressesResponse    = kofov1.AddressesResponse
	BalancesRequest      = kofov1.BalancesRequest
	BalancesResponse     = kofov1.BalancesResponse
	TransactionsRequest  = kofov1.TransactionsRequest
	TransactionsResponse = kofov1.TransactionsResponse
	WithdrawRequest      = kofov1.WithdrawRequest
	WithdrawResponse     = kofov1.WithdrawResponse
	SplitRequest         = kofov1.SplitRequest
	SplitResponse        = kofov1.SplitResponse
	WalletTxKind         = kofov1.WalletTxKind
	Payout               = kofov1.Payout
	PayoutLimit          = kofov1.PayoutLimit
	ListPayoutsRequest   = kofov1.ListPayoutsRequest
	ListPayoutsResponse  = kofov1.ListPayoutsResponse
	AddPayoutRequest     = kofov1.AddPayoutRequest
	AddPayoutResponse    = kofov1.AddPayoutResponse
	RemovePayoutRequest  = kofov1.RemovePayoutRequest
	RemovePayoutResponse = kofov1.RemovePayoutResponse

	Tower              = kofov1.Tower
	ListTowersRequest  = kofov1.ListTowersRequest
	ListTowersResponse = kofov1.ListTowersResponse
	Guard              = kofov1.Guard
	GuardingTower      = kofov1.GuardingTower
	ShowGuardsRequest  = kofov1.ShowGuardsRequest
	ShowGuardsResponse = kofov1.ShowGuardsResponse

	// Chains.

	Asset             = kofov1.Asset
	Chain             = kofov1.Chain
	DepthStep         = kofov1.DepthStep
	ListChainsRequest = kofov1.ListChainsRequest
	BackEnd           = kofov1.BackEnd
	BackEndState      = kofov1.BackEndState
	Suspension        = kofov1.Suspension
	ResumeRequest     = kofov1.ResumeRequest
	ResumeResponse    = kofov1.ResumeResponse
	GetChainRequest   = kofov1.GetChainRequest
	GetChainResponse  = kofov1.GetChainResponse

	// Node.

	InfoRequest      = kofov1.InfoRequest
	ShutdownRequest  = kofov1.ShutdownRequest
	ShutdownResponse = kofov1.ShutdownResponse
	Check            = kofov1.Check
	CheckState       = kofov1.CheckState
	DoctorRequest    = kofov1.DoctorRequest
	DoctorResponse   = kofov1.DoctorResponse

	// Tokens.

	Cap                 = kofov1.Cap
	TokenInfo           = kofov1.Token
	CreateTokenRequest  = kofov1.CreateTokenRequest
	CreateTokenResponse = kofov1.CreateTokenResponse
	ListTokensRequest   = kofov1.ListTokensRequest
	ListTokensResponse  = kofov1.ListTokensResponse
	RevokeTokenRequest  = kofov1.RevokeTokenRequest
	RevokeTokenResponse = kofov1.RevokeTokenResponse
	Scope               = kofov1.Scope

	// Times.

	Timestamp = timestamppb.Timestamp
	Duration  = durationpb.Duration
)

// Values of CheckState.
const (
	CheckOK      = kofov1.CheckState_CHECK_STATE_OK
	CheckWarn    = kofov1.CheckState_CHECK_STATE_WARN
	CheckFail    = kofov1.CheckState_CHECK_STATE_FAIL
	CheckUnknown = kofov1.CheckState_CHECK_STATE_UNKNOWN
)

// Values of Role.
const (
	RoleInitiator   = kofov1.Role_ROLE_INITIATOR
	RoleParticipant = kofov1.Role_ROLE_PARTICIPANT
)

// Values of Branch.
const (
	BranchFund   = kofov1.Branch_BRANCH_FUND
	BranchRedeem = kofov1.Branch_BRANCH_REDEEM
	BranchRefund = kofov1.Branch_BRANCH_REFUND
)

// Values of SignatureState.
const (
	SignatureUnsigned  = kofov1.SignatureState_SIGNATURE_STATE_UNSIGNED
	SignatureSigned    = kofov1.SignatureState_SIGNATURE_STATE_SIGNED
	SignatureNotNeeded = kofov1.SignatureState_SIGNATURE_STATE_NOT_NEEDED
)

// Values of BudgetPurpose.
const (
	BudgetRedeem = kofov1.BudgetPurpose_BUDGET_PURPOSE_REDEEM
	BudgetRefund = kofov1.BudgetPurpose_BUDGET_PURPOSE_REFUND
)

// Values of Phase.
const (
	PhaseOffered   = kofov1.Phase_PHASE_OFFERED
	PhaseAccepted  = kofov1.Phase_PHASE_ACCEPTED
	PhaseAgreed    = kofov1.Phase_PHASE_AGREED
	PhaseFunding   = kofov1.Phase_PHASE_FUNDING
	PhaseFunded    = kofov1.Phase_PHASE_FUNDED
	PhaseRevealing = kofov1.Phase_PHASE_REVEALING
	PhaseRedeeming = kofov1.Phase_PHASE_REDEEMING
	PhaseRefunding = kofov1.Phase_PHASE_REFUNDING
	PhaseClosed    = kofov1.Phase_PHASE_CLOSED
)

// Values of Outcome.
const (
	OutcomeSwapped   = kofov1.Outcome_OUTCOME_SWAPPED
	OutcomeRefunded  = kofov1.Outcome_OUTCOME_REFUNDED
	OutcomeCancelled = kofov1.Outcome_OUTCOME_CANCELLED
	OutcomeExpired   = kofov1.Outcome_OUTCOME_EXPIRED
	OutcomeConsented = kofov1.Outcome_OUTCOME_CONSENTED
	OutcomeWindfall  = kofov1.Outcome_OUTCOME_WINDFALL
	OutcomeLost      = kofov1.Outcome_OUTCOME_LOST
)

// Values of LegRole.
const (
	BackEndGood        = kofov1.BackEndState_BACK_END_STATE_GOOD
	BackEndUnreachable = kofov1.BackEndState_BACK_END_STATE_UNREACHABLE
	BackEndSetAside    = kofov1.BackEndState_BACK_END_STATE_SET_ASIDE

	LegRolePayer = kofov1.LegRole_LEG_ROLE_PAYER
	LegRolePayee = kofov1.LegRole_LEG_ROLE_PAYEE
	LegRoleOther = kofov1.LegRole_LEG_ROLE_OTHER
)

// Values of LegStatus.
const (
	LegStatusUnfunded        = kofov1.LegStatus_LEG_STATUS_UNFUNDED
	LegStatusInMempool       = kofov1.LegStatus_LEG_STATUS_IN_MEMPOOL
	LegStatusInBlock         = kofov1.LegStatus_LEG_STATUS_IN_BLOCK
	LegStatusConfirmed       = kofov1.LegStatus_LEG_STATUS_CONFIRMED
	LegStatusRedeemed        = kofov1.LegStatus_LEG_STATUS_REDEEMED
	LegStatusRefunded        = kofov1.LegStatus_LEG_STATUS_REFUNDED
	LegStatusClosedByConsent = kofov1.LegStatus_LEG_STATUS_CLOSED_BY_CONSENT
)

// Values of ActionKind.
const (
	ActionKindWaitAcceptance       = kofov1.ActionKind_ACTION_KIND_WAIT_ACCEPTANCE
	ActionKindWaitCountersignature = kofov1.ActionKind_ACTION_KIND_WAIT_COUNTERSIGNATURE
	ActionKindFund                 = kofov1.ActionKind_ACTION_KIND_FUND
	ActionKindWaitFunding          = kofov1.ActionKind_ACTION_KIND_WAIT_FUNDING
	ActionKindWaitConfirmations    = kofov1.ActionKind_ACTION_KIND_WAIT_CONFIRMATIONS
	ActionKindReveal               = kofov1.ActionKind_ACTION_KIND_REVEAL
	ActionKindRedeem               = kofov1.ActionKind_ACTION_KIND_REDEEM
	ActionKindWaitRedeem           = kofov1.ActionKind_ACTION_KIND_WAIT_REDEEM
	ActionKindRefund               = kofov1.ActionKind_ACTION_KIND_REFUND
	ActionKindBury                 = kofov1.ActionKind_ACTION_KIND_BURY
	ActionKindExpire               = kofov1.ActionKind_ACTION_KIND_EXPIRE
	ActionKindNone                 = kofov1.ActionKind_ACTION_KIND_NONE
)

// Values of FindingState.
const (
	FindingStateOpen    = kofov1.FindingState_FINDING_STATE_OPEN
	FindingStateBlocked = kofov1.FindingState_FINDING_STATE_BLOCKED
)

// Values of FeeKind.
const (
	FeeKindFund   = kofov1.FeeKind_FEE_KIND_FUND
	FeeKindRedeem = kofov1.FeeKind_FEE_KIND_REDEEM
	FeeKindRefund = kofov1.FeeKind_FEE_KIND_REFUND
	FeeKindBump   = kofov1.FeeKind_FEE_KIND_BUMP
)

// Values of WatchKind.
const (
	WatchKindSnapshot    = kofov1.WatchKind_WATCH_KIND_SNAPSHOT
	WatchKindSnapshotEnd = kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END
	WatchKindChange      = kofov1.WatchKind_WATCH_KIND_CHANGE
)

// Values of WalletTxKind.
const (
	WalletTxKindDeposit    = kofov1.WalletTxKind_WALLET_TX_KIND_DEPOSIT
	WalletTxKindWithdrawal = kofov1.WalletTxKind_WALLET_TX_KIND_WITHDRAWAL
	WalletTxKindSplit      = kofov1.WalletTxKind_WALLET_TX_KIND_SPLIT
	WalletTxKindFund       = kofov1.WalletTxKind_WALLET_TX_KIND_FUND
	WalletTxKindRedeem     = kofov1.WalletTxKind_WALLET_TX_KIND_REDEEM
	WalletTxKindRefund     = kofov1.WalletTxKind_WALLET_TX_KIND_REFUND
)

// Values of Scope.
const (
	ScopeRead     = kofov1.Scope_SCOPE_READ
	ScopeQuote    = kofov1.Scope_SCOPE_QUOTE
	ScopeTrade    = kofov1.Scope_SCOPE_TRADE
	ScopeRefund   = kofov1.Scope_SCOPE_REFUND
	ScopeWithdraw = kofov1.Scope_SCOPE_WITHDRAW
	ScopeAdmin    = kofov1.Scope_SCOPE_ADMIN
)
