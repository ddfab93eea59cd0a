package deadline

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
)

const chain = htlc.ChainID("test:alpha")

// swap is the initiator's, with its own leg in a block: an alarm at the
// depth of the funding, and one at the time lock.
func swap(n byte, height uint64, timeLock int64) htlc.Swap {
	leg := htlc.Leg{Asset: "test:alpha/slip44:1", MinConfirmations: 3, TimeLock: timeLock}
	return htlc.Swap{
		ID: htlc.SwapID{n}, Self: 1, Phase: htlc.PhaseFunded, Terms: htlc.Terms{Legs: []htlc.Leg{leg, leg}},
		Legs: []htlc.LegState{{Status: htlc.LegConfirmed}, {Status: htlc.LegInBlock, FundBlock: htlc.BlockID{Height: height}}},
	}
}

func TestPopTellsEachDueSwapOnce(t *testing.T) {
	x := New()
	x.Set(swap(1, 10, 1000))
	x.Set(swap(2, 20, 500))
	if due := x.Pop(chain, 11, 400); len(due) != 0 {
		t.Fatalf("too early: %v", due)
	}
	if due := x.Pop(chain, 12, 400); len(due) != 1 || due[0].Swap != (htlc.SwapID{1}) || due[0].Leg != 1 {
		t.Fatalf("at the depth: %v", due)
	}
	if due := x.Pop(chain, 12, 501); len(due) != 1 || due[0].Swap != (htlc.SwapID{2}) {
		t.Fatalf("at the time lock: %v", due)
	}
	if due := x.Pop("test:beta", 99, 9999); len(due) != 0 {
		t.Fatalf("another chain: %v", due)
	}
	x.Set(swap(1, 10, 1000))
	x.Set(htlc.Swap{ID: htlc.SwapID{1}})
	if due := x.Pop(chain, 99, 499); len(due) != 1 {
		t.Fatalf("a swap without alarms: %v", due)
	}
}

func TestDeadEntriesArePruned(t *testing.T) {
	x := New()
	for i := range 10_000 {
		x.Set(swap(byte(i%3), 1_000_000, 1<<40))
	}
	if x.Len() > 200 {
		t.Errorf("%d entries for 3 swaps", x.Len())
	}
}

// The index agrees with a list that is searched from end to end.
func TestIndexAgreesWithAPlainSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, plain := New(), map[htlc.SwapID]htlc.Swap{}
		for range rapid.IntRange(1, 60).Draw(t, "actions") {
			id := rapid.ByteRange(0, 5).Draw(t, "swap")
			switch rapid.IntRange(0, 3).Draw(t, "action") {
			case 0:
				x.Set(htlc.Swap{ID: htlc.SwapID{id}})
				delete(plain, htlc.SwapID{id})
			case 1, 2:
				s := swap(id, rapid.Uint64Range(1, 50).Draw(t, "height"), rapid.Int64Range(1, 50).Draw(t, "lock"))
				x.Set(s)
				plain[s.ID] = s
			default:
				height, clock := rapid.Uint64Range(1, 60).Draw(t, "tip"), rapid.Int64Range(1, 60).Draw(t, "clock")
				want := map[htlc.SwapID]bool{}
				for sid, s := range plain {
					for _, a := range s.Alarms() {
						if a.Height > 0 && a.Height <= height || a.Clock > 0 && a.Clock <= clock {
							want[sid] = true
						}
					}
				}
				for _, d := range x.Pop(chain, height, clock) {
					if !want[d.Swap] {
						t.Fatalf("swap %s is not due, or was told twice", d.Swap)
					}
					delete(want, d.Swap)
					x.Set(plain[d.Swap])
				}
				if len(want) != 0 {
					t.Fatalf("%d due swaps were not told", len(want))
				}
			}
		}
	})
}
