package backend

import (
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
)

// vote counts the blocks at the settled height: the one that most have, how
// many have it, and how many have any. No block has most where two have equally
// many.
func vote(samples []sample) (majority adapters.Hash, agree, answered int) {
	count := map[adapters.Hash]int{}
	for _, s := range samples {
		if s.err == nil && s.known {
			count[s.settled]++
			answered++
		}
	}
	for _, s := range samples {
		if n := count[s.settled]; s.err == nil && s.known && n > agree {
			majority, agree = s.settled, n
		}
	}
	if 2*agree <= answered {
		majority = adapters.Hash{}
	}
	return majority, agree, answered
}

// faultOf is what is wrong with an answer, and whether it counts at once.
func (p *Pool) faultOf(samples []sample, i int, majority adapters.Hash, agree int) (Reason, string, bool) {
	s := samples[i]
	switch {
	case errors.Is(s.err, adapters.ErrWrongChain):
		return WrongChain, s.err.Error(), true
	case s.err != nil:
		return NoAnswer, s.err.Error(), true
	case s.known && agree >= 2 && majority != (adapters.Hash{}) && s.settled != majority:
		return Contradicts, fmt.Sprintf("it has block %s where %d others have %s", s.settled, agree, majority), false
	}
	o := p.compare(samples, i, majority)
	switch {
	case s.unshown != nil && o.below > 0:
		return Ahead, fmt.Sprintf("it tells of height %d and does not show its blocks: %v", s.head.Height, s.unshown), false
	case s.unshown != nil:
		return Contradicts, fmt.Sprintf("it does not show its block %d: %v", s.head.Height, s.unshown), false
	case o.stale():
		return Stale, fmt.Sprintf("its height is %d, that of others %d", s.head.Height, o.best), false
	case o.others >= 2 && o.below == o.others && o.own < Worked:
		return Ahead, fmt.Sprintf("its height is %d, that of all others at most %d", s.head.Height, o.best), false
	}
	return "", "", false
}

// outlook is where one back end stands among those others that show their blocks.
type outlook struct {
	others, above, below int
	agree                int      // of those above, on the settled block
	best                 uint64   // the highest of the others
	proved               Evidence // the best of those above
	own                  Evidence // its own over any of those below
}

func (p *Pool) compare(samples []sample, i int, majority adapters.Hash) outlook {
	var o outlook
	s := samples[i]
	for j, other := range samples {
		if j == i || other.err != nil || other.unshown != nil {
			continue
		}
		o.others++
		o.best = max(o.best, other.head.Height)
		switch {
		case other.head.Height+p.o.MaxLag < s.head.Height:
			o.below++
			o.own = max(o.own, s.leads[j])
		case other.head.Height > s.head.Height+p.o.MaxLag:
			o.above++
			o.proved = max(o.proved, other.leads[i])
			if other.known && majority != (adapters.Hash{}) && other.settled == majority {
				o.agree++
			}
		}
	}
	return o
}

// doubtful: of two, one shows more blocks, which cost no work: they may be invented.
func (o outlook) doubtful() bool { return o.others == 1 && o.proved < Worked }

// stale: work is believed of one alone. Of others most must be above, and two of
// them agree or one show its blocks: a height that somebody tells makes nobody
// stale.
func (o outlook) stale() bool {
	return o.proved == Worked || 2*o.above > o.others && (o.agree >= 2 || o.proved >= Linked)
}
