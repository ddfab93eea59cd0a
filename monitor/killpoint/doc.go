// Package killpoint marks the edges between something being durable and
// something being visible. In ordinary builds At does nothing and is inlined
// away. With the build tag killpoints, the process kills itself with SIGKILL
// at the edge named by KOFO_KILL_AT, at its KOFO_KILL_COUNT-th passing
// (default the first), so that a test can crash a node at each edge once.
package killpoint

// The edges. The e2e matrix has a test for each.
const (
	EngineBeforeCommit   = "engine/before-commit"
	EngineAfterCommit    = "engine/after-commit"
	FundSigned           = "fund/signed"           // signed, not stored
	FundStored           = "fund/stored"           // stored, result not told
	FundReleased         = "fund/released"         // marked, not broadcast
	FundBroadcast        = "fund/broadcast"        // broadcast, result not told
	AbandonSigned        = "abandon/signed"        // signed, not stored
	AbandonStored        = "abandon/stored"        // stored, not broadcast
	AbandonBroadcast     = "abandon/broadcast"     // broadcast, result not told
	RedeemSigned         = "redeem/signed"         // signed, not stored
	RedeemStored         = "redeem/stored"         // stored, result not told
	RedeemReleased       = "redeem/released"       // marked, not broadcast
	RedeemBroadcast      = "redeem/broadcast"      // broadcast, result not told
	RefundSigned         = "refund/signed"         // signed, not stored
	RefundStored         = "refund/stored"         // stored, not marked
	RefundReleased       = "refund/released"       // marked, not broadcast
	RefundBroadcast      = "refund/broadcast"      // broadcast, result not told
	ConsentProposed      = "consent/proposed"      // nonces in memory, nobody asked
	ConsentGiven         = "consent/given"         // intent stored, no answer made
	ConsentAnswered      = "consent/answered"      // answer made, not sent
	ConsentSigned        = "consent/signed"        // signed by both, not stored
	ConsentStored        = "consent/stored"        // stored, not broadcast
	ConsentBroadcast     = "consent/broadcast"     // broadcast, result not told
	TermsBeforeCopy      = "terms/before-copy"     // agreed, no copy yet
	TermsAfterCopy       = "terms/after-copy"      // copied, gate not asked
	AgreementSigned      = "agreement/signed"      // signed, not stored
	AgreementStored      = "agreement/stored"      // stored, answer not sent
	AgreementCountersign = "agreement/countersign" // countersigned and stored, not sent
)

// Points lists every edge.
func Points() []string {
	return []string{
		EngineBeforeCommit, EngineAfterCommit,
		FundSigned, FundStored, FundReleased, FundBroadcast,
		AbandonSigned, AbandonStored, AbandonBroadcast,
		RedeemSigned, RedeemStored, RedeemReleased, RedeemBroadcast,
		RefundSigned, RefundStored, RefundReleased, RefundBroadcast,
		ConsentProposed, ConsentGiven, ConsentAnswered, ConsentSigned, ConsentStored, ConsentBroadcast,
		TermsBeforeCopy, TermsAfterCopy,
		AgreementSigned, AgreementStored, AgreementCountersign,
	}
}
