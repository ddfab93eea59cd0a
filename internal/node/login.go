package node

import (
	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/internal/config"
)

// login is that of a back end. A cookie file comes with the back end that writes
// it, so starting again can help.
func (c *core) login(b config.BackEnd) (user string, password config.Secret, err error) {
	user, password, err = c.cfg.Login(b, c.environ)
	if err == nil {
		return user, password, nil
	}
	missing := &adapters.Error{Reason: config.ReasonMissing, Op: "log in", Err: err}
	if b.CookieFile != "" {
		missing.Retryable, missing.Advice = true, "start the back end, which writes the file, or correct cookie_file"
	}
	return "", config.Secret{}, missing
}
