package htlc

// Intent is what a spend with both parties' consent is for. A party gives its
// consent to one intent per contract, ever.
type Intent uint8

// The intents of a cooperative spend.
const (
	IntentNone   Intent = iota
	IntentRedeem        // the payee takes the leg without showing the secret
	IntentRefund        // the payer takes it back before the time lock
)

func (i Intent) String() string {
	return [...]string{"none", "redeem", "refund"}[min(i, IntentRefund)]
}
