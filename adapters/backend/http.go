package backend

import (
	"net/http"
	"net/url"
)

// Transport sends every request to the back end that the pool picks; the
// request's own address does not matter.
type Transport struct {
	Pool *Pool
	// URLs in the order of Options.Names.
	URLs []*url.URL
	Base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	i := t.Pool.Pick(r.Context())
	to := r.Clone(r.Context())
	to.URL, to.Host = t.URLs[i], t.URLs[i].Host
	to.Header.Del("Authorization") // it may be that of another back end
	if user := t.URLs[i].User; user != nil {
		password, _ := user.Password()
		to.SetBasicAuth(user.Username(), password)
	}
	response, err := t.Base.RoundTrip(to)
	if err != nil && r.Context().Err() == nil {
		t.Pool.Failed(i, err)
	}
	return response, err
}
