package htlc

// EffectKind names an effect in logs and in the store.
type EffectKind string

// The kinds of Effect.
const (
	EffectWatch           EffectKind = "watch"
	EffectUnwatch         EffectKind = "unwatch"
	EffectPrepareFunding  EffectKind = "prepare-funding"
	EffectCheckFunding    EffectKind = "check-funding"
	EffectFundLeg         EffectKind = "fund-leg"
	EffectAbandonFunding  EffectKind = "abandon-funding"
	EffectPrepareRedeem   EffectKind = "prepare-redeem"
	EffectCheckReveal     EffectKind = "check-reveal"
	EffectRevealAndRedeem EffectKind = "reveal-and-redeem"
	EffectRedeem          EffectKind = "redeem"
	EffectRefundLeg       EffectKind = "refund-leg"
	EffectAskRedeem       EffectKind = "ask-redeem"
	EffectAskRefund       EffectKind = "ask-refund"
	EffectAlarm           EffectKind = "alarm"
	EffectRelease         EffectKind = "release"
)

// Effect is work that the core asks for: plain data that can be stored and
// executed again. Leg and Detail are set where the kind needs them.
//
//	watch, unwatch     the leg's contract
//	prepare-funding    sign and store our funding and its refund -> FundingPrepared
//	check-funding      gather FundingFacts -> FundingChecked
//	fund-leg           broadcast the stored funding -> Submitted or Withheld
//	abandon-funding    spend otherwise what our unmined funding needs
//	                   -> Submitted, and Withheld once that is buried
//	prepare-redeem     sign and store the redeem, sealed -> RedeemPrepared
//	check-reveal       gather RevealFacts -> RevealChecked
//	reveal-and-redeem  first release of the secret -> Submitted or Withheld
//	redeem             with a secret that is out; replaces by fee -> Submitted
//	refund-leg         broadcast the refund -> Submitted
//	ask-redeem         redeem the incoming leg with its payer's consent, the
//	                   redeem by script signed and stored before
//	                   -> Submitted or ConsentFailed
//	ask-refund         take our leg back with its payee's consent -> Submitted
//	alarm              tell a person; Detail is the reason
//	release            free the swap's reservations
type Effect struct {
	Kind   EffectKind
	Leg    int
	Detail string
}

// EffectKinds lists every kind, for tables and tests.
func EffectKinds() []EffectKind {
	return []EffectKind{
		EffectWatch, EffectUnwatch, EffectPrepareFunding, EffectCheckFunding, EffectFundLeg,
		EffectAbandonFunding, EffectPrepareRedeem, EffectCheckReveal, EffectRevealAndRedeem, EffectRedeem,
		EffectRefundLeg, EffectAskRedeem, EffectAskRefund, EffectAlarm, EffectRelease,
	}
}

// Reasons of an alarm effect.
const (
	AlarmMismatch = "CONTRACT_MISMATCH" // a lock that is not the contract
	AlarmCutOff   = "CUT_OFF_PASSED"    // the Initiator will not reveal any more
	AlarmLost     = "INCOMING_LEG_LOST" // our leg was redeemed, theirs refunded
	AlarmReorg    = "FACT_REORGED"      // a funding or a spend was undone
	AlarmWithheld = "TIME_RAN_OUT"      // a gate had opened, too late to act
	AlarmUnmined  = "FUNDING_NOT_MINED" // our funding is in no block, and shall not be any more
)
