package main

import (
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/doctor"
	"github.com/kofo-network/kofo/internal/server/servertest"
)

// TestDoctorsExitCode: scripts see by it what a person reads.
func TestDoctorsExitCode(t *testing.T) {
	well := doctor.Check{ID: "bus", Found: "embedded"}
	for name, c := range map[string]struct {
		checks []doctor.Check
		code   int
		text   string
	}{
		"ok":      {[]doctor.Check{well}, 0, "1 of 1 checks are as they should be."},
		"warn":    {[]doctor.Check{well, {ID: "copies", Subject: "terms", State: doctor.Warn, Found: "on the same disk", Advice: "move it"}}, 1, "warn    copies (terms)\n        on the same disk\n        to do: move it\n1 of 2"},
		"fail":    {[]doctor.Check{{ID: "keys", State: doctor.Fail, Found: "locked"}, {ID: "x", State: doctor.Warn}}, 2, "fail    keys"},
		"unknown": {[]doctor.Check{{ID: "chain.settings", State: doctor.Unknown, Found: "?"}}, 2, "unknown chain.settings"},
	} {
		t.Run(name, func(t *testing.T) {
			n := servertest.Start(t, servertest.Options{Checks: c.checks})
			cmd := cli{t: t, environ: at(n)}
			r := cmd.run("doctor")
			if r.code != c.code || !strings.Contains(r.out, c.text) || r.err != "" || strings.Contains(r.out, "embedded") {
				t.Errorf("%+v", r)
			}
			if r := cmd.run("doctor", "--all", "--json"); r.code != c.code || !strings.Contains(r.out, `"worst"`) {
				t.Errorf("%+v", r)
			}
			if r := cmd.run("doctor", "--all"); name != "fail" && name != "unknown" && !strings.Contains(r.out, "embedded") {
				t.Errorf("%+v", r)
			}
		})
	}
}
