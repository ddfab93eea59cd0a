package agreement

import (
	"context"
	"net"

	"github.com/kofo-network/kofo/htlc"
)

// maxAddress bounds what is kept of an address.
const maxAddress = 255

// Reachable keeps where the participant of an offer of ours listens, so that it
// can be asked for consent. Only the party that the offer is bound to is
// believed, and nothing is proved by it: whoever is found there must hold that
// party's key.
func (s *Service) Reachable(ctx context.Context, offer htlc.Salt, party htlc.PartyID, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil || len(address) > maxAddress {
		return refuse(TermsInvalid, map[string]string{"offer_id": offer.String()}, "the participant's address is no host and port")
	}
	_, err := s.locked(ctx, offer, func(r Record) (Record, error) {
		if !r.Initiator || r.State != StateAgreed || r.Terms.Parties[1] != party {
			return r, refuse(SwapState, map[string]string{"offer_id": offer.String()}, "the offer is not bound to that party")
		}
		if r.PeerAddress == address {
			return r, nil
		}
		r.PeerAddress = address
		return s.update(ctx, r, StateAgreed)
	})
	return err
}

// Peer is where the other party of a swap can be found, as far as is known.
func (r Record) Peer() (to Address, known bool) {
	if len(r.Terms.Parties) == 0 {
		return Address{}, false
	}
	to = Address{HostPort: r.Offer.ReplyTo, Party: r.Terms.Parties[0]}
	if r.Initiator {
		to = Address{HostPort: r.PeerAddress, Party: r.Terms.Parties[1]}
	}
	return to, to.HostPort != ""
}
