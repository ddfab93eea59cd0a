package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kofo-network/kofo/api/sdk"
)

// Exit codes of doctor, which scripts ask for by themselves.
const (
	doctorWarned = 1
	doctorFailed = 2
)

// checkIndent is where what is said of a check begins.
const checkIndent = 8

// errDoctor carries the exit code of what the doctor has found; everything was
// printed.
type errDoctor struct{ code int }

func (errDoctor) Error() string { return "the doctor has found something" }

func (a *app) doctorCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at everything that swaps rely on, and say what to do", Args: args(0, 0),
		Long: `doctor asks the node to look at its chains with every back end and breaker, at its
database, broker, disk, copies, keys or signer, certificate, alarms and payout list.
It shows what is not as it should be, and with --all everything. "unknown" means that
it could not be found out.

Exit codes: 0 all is well, 1 something is worth a look, 2 something fails or is
unknown. A node that does not answer is 4, as with every command.`,
		Example: "  kofo doctor\n  kofo doctor --all --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var worst sdk.CheckState
			err := a.call(cmd, func(ctx context.Context, c *sdk.Client) error {
				answer, err := c.Node.Doctor(ctx, &sdk.DoctorRequest{})
				if err != nil {
					return err
				}
				worst = answer.GetWorst()
				return a.show(answer, func() { a.printChecks(answer, all) })
			})
			switch {
			case err != nil:
				return err
			case worst == sdk.CheckWarn:
				return errDoctor{doctorWarned}
			case worst != sdk.CheckOK:
				return errDoctor{doctorFailed}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show also what is as it should be")
	return cmd
}

func (a *app) printChecks(r *sdk.DoctorResponse, all bool) {
	well := 0
	for _, c := range r.GetChecks() {
		if c.GetState() == sdk.CheckOK {
			well++
			if !all {
				continue
			}
		}
		name := c.GetId()
		if c.GetSubject() != "" {
			name += " (" + c.GetSubject() + ")"
		}
		a.say("%-*s%s\n", checkIndent, word(c.GetState().String(), "CHECK_STATE_"), name)
		a.tell(checkIndent, "%*s%s", checkIndent, "", c.GetFound())
		if c.GetAdvice() != "" {
			a.tell(checkIndent+len("to do: "), "%*sto do: %s", checkIndent, "", c.GetAdvice())
		}
	}
	a.say("%d of %d checks are as they should be.\n", well, len(r.GetChecks()))
	if n := len(r.GetOpenSafetyRows()); n > 0 {
		a.say("Mainnets are refused: %d rows of the safety catalogue are open.\n", n)
	}
}

// doctorsCode is the exit code of an error of doctor.
func doctorsCode(err error) (int, bool) {
	var found errDoctor
	ok := errors.As(err, &found)
	return found.code, ok
}
