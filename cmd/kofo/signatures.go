package main

import (
	"fmt"
	"strings"

	"github.com/kofo-network/kofo/api/sdk"
)

// signatureLines say what is signed, and what has to be and until when: it is for
// those whose keys are in a signer that may be away.
func (a *app) signatureLines(v view) []string {
	var done, out []string
	for _, s := range v.swap.GetSignatures() {
		name := branchWord(s.GetBranch())
		if s.GetState() == sdk.SignatureSigned {
			done = append(done, name)
		}
		if s.GetState() == sdk.SignatureUnsigned {
			out = append(out, fmt.Sprintf("Unsigned   %s, %s. %s", name, a.toSign(s), s.GetText()))
		}
	}
	if len(done) > 0 {
		out = append([]string{"Signed     " + strings.Join(done, ", ")}, out...)
	}
	return out
}

func branchWord(b sdk.Branch) string {
	if b == sdk.BranchFund {
		return "funding"
	}
	return word(b.String(), "BRANCH_")
}

// toSign is when a branch has to be signed.
func (a *app) toSign(s *sdk.BranchSignature) string {
	if s.GetUntil() == nil && s.GetFrom() != nil {
		return "possible " + a.when(s.GetFrom())
	}
	return a.until(s.GetUntil())
}
