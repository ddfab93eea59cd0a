package agreement

import (
	"slices"

	"github.com/kofo-network/kofo/htlc"
)

// room refuses what would be new where there is no room for it.
func (s *Service) room() error {
	if s.opts.Room == nil {
		return nil
	}
	if err := s.opts.Room(); err != nil {
		return &Error{Reason: DiskFull, Text: "no new swaps for now", Err: err}
	}
	return nil
}

// knownParty refuses a party that this node does not swap with.
func (s *Service) knownParty(id htlc.PartyID) *Error {
	if len(s.opts.Parties) == 0 || slices.Contains(s.opts.Parties, id) {
		return nil
	}
	return refuse(PartyNotAllowed, nil, "this node does not swap with the party %s", id)
}
