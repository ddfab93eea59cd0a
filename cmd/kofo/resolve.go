package main

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
)

// Lengths of an id, and of the least part of its beginning that names it.
const (
	idLength    = 64
	leastPrefix = 4
	// mostCandidates bounds how many ids an error lists.
	mostCandidates = 10
)

// resolve takes the id of a swap or of an offer, or the beginning of one.
func resolve(ctx context.Context, c *sdk.Client, text string) (string, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.Trim(text, "0123456789abcdef") != "" || len(text) > idLength {
		return "", usage("%q is no id of a swap, nor the beginning of one: up to %d hexadecimal digits", text, idLength)
	}
	if len(text) < leastPrefix {
		return "", usage("%q is too short for the beginning of an id: %d digits at least", text, leastPrefix)
	}
	if len(text) == idLength {
		return text, nil
	}
	return pick(c.AllSwaps(ctx), text)
}

// pick finds the one swap whose id, or whose offer's, begins with a text.
func pick(swaps iter.Seq2[*sdk.Swap, error], text string) (string, error) {
	var found []string
	for s, err := range swaps {
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(s.GetId(), text):
			found = append(found, s.GetId())
		case strings.HasPrefix(s.GetOfferId(), text):
			found = append(found, s.GetOfferId())
		}
	}
	switch len(found) {
	case 0:
		return "", reason.Error(reason.SwapNotFound, fmt.Sprintf("no swap or offer begins with %q", text), nil)
	case 1:
		return found[0], nil
	}
	return "", ambiguous(text, found)
}

// ambiguous lists what may be meant, in as many digits as tell it apart.
func ambiguous(text string, found []string) error {
	digits := listed
	for _, a := range found {
		for _, b := range found {
			for a != b && digits < idLength && a[:digits] == b[:digits] {
				digits++
			}
		}
	}
	var list []string
	for _, id := range found[:min(len(found), mostCandidates)] {
		list = append(list, id[:digits])
	}
	if more := len(found) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return reason.Error(reason.InvalidArgument,
		fmt.Sprintf("several swaps or offers begin with %q: %s", text, strings.Join(list, ", ")),
		map[string]string{reason.KeyField: "id"})
}
