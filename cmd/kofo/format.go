package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/internal/lines"
)

// span writes a duration as people say it, in its two largest units.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		d = -d
	}
	day := 24 * time.Hour
	switch {
	case d >= day:
		return twoUnits(int(d/day), "d", int(d%day/time.Hour), "h")
	case d >= time.Hour:
		return twoUnits(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	case d >= time.Minute:
		return twoUnits(int(d/time.Minute), "min", int(d%time.Minute/time.Second), "s")
	}
	return fmt.Sprintf("%d s", int(d/time.Second))
}

func twoUnits(large int, largeName string, small int, smallName string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, largeName)
	}
	return fmt.Sprintf("%d %s %d %s", large, largeName, small, smallName)
}

// when writes a moment and how far away it is.
func (a *app) when(t *sdk.Timestamp) string {
	at := sdk.Time(t)
	if at.IsZero() {
		return "-"
	}
	left := at.Sub(a.now())
	if left >= 0 {
		return fmt.Sprintf("in %s (%s)", span(left), clock(at))
	}
	return fmt.Sprintf("%s ago (%s)", span(left), clock(at))
}

// until writes a last moment.
func (a *app) until(t *sdk.Timestamp) string {
	at := sdk.Time(t)
	if at.IsZero() {
		return "no limit"
	}
	if left := at.Sub(a.now()); left >= 0 {
		return fmt.Sprintf("until %s, in %s", clock(at), span(left))
	}
	return fmt.Sprintf("until %s, which is past", clock(at))
}

// clock writes a moment in UTC, as chains count.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05 UTC") }

// lineLength is the longest line that is written for people.
const lineLength = lines.Width

// listed is the length of an id in lists: enough of its beginning to name it.
const listed = 10

// brief writes the beginning of a swap's id, which every command takes.
func brief(id string) string { return id[:min(listed, len(id))] }

// short writes the two ends of a transaction's id.
func short(id string) string {
	if len(id) <= 16 {
		return id
	}
	return id[:8] + ".." + id[len(id)-6:]
}

// word turns the name of an enumeration into words: "PHASE_FUNDED" of prefix
// "PHASE_" into "funded".
func word(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", " "))
}

func phaseWord(s *sdk.Swap) string {
	if s.GetPhase() == sdk.PhaseClosed {
		return word(s.GetOutcome().String(), "OUTCOME_")
	}
	return word(s.GetPhase().String(), "PHASE_")
}

// idOf is the name of a swap, or of an offer that is none yet.
func idOf(s *sdk.Swap) string {
	if s.GetId() != "" {
		return s.GetId()
	}
	return s.GetOfferId()
}
