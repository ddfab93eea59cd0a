package node

import (
	"strings"
	"testing"

	"github.com/kofo-network/kofo/internal/config"
)

// TestMissingCookieHasACode: the file comes with the back end, so a supervisor
// may start the node again; a password that is missing comes by nobody.
func TestMissingCookieHasACode(t *testing.T) {
	c := &core{cfg: config.Default(t.TempDir())}
	for name, b := range map[string]config.BackEnd{"cookie": {CookieFile: "cookie"}, "password": {PasswordFile: "password"}} {
		_, _, err := c.login(b)
		code, passing := Reason(err)
		if code != "CONFIG_MISSING" || passing != (name == "cookie") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s %v %v", name, code, passing, err)
		}
	}
}
