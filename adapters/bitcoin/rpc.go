package bitcoin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/kofo-network/kofo/adapters"
)

const (
	// maxReply bounds one answer: a block of four million bytes in hexadecimal
	// with room, and the list of a mempool of some 450,000 transactions.
	maxReply = 32 << 20
	// maxConns stays below the ten requests that btcd serves at once.
	maxConns = 4
	// callTimeout bounds calls whose context has no deadline.
	callTimeout = 30 * time.Second
	// busyTries and busyPause: btcd refuses requests over its limit at once.
	busyTries = 4
	busyPause = 50 * time.Millisecond
)

var (
	errReplyTooLong       = errors.New("the answer is too long")
	errBusy               = errors.New("the node is too busy")
	errLogin        error = refusedLogin{}
)

// refusedLogin: a node that answers is of no more use than one that does not,
// but that is another sentence.
type refusedLogin struct{}

func (refusedLogin) Error() string { return "the chain's node refuses the user and the password" }

func (refusedLogin) Is(target error) bool { return target == adapters.ErrUnreachable }

// Codes of JSON-RPC errors, as btcd and Bitcoin Core use them.
const (
	codeMethodNotFound = -32601
	codeUnimplemented  = -1
	codeInvalidAddress = -5 // also: no such block or transaction
	codeOutOfRange     = -8
	codeOutOfRangeBtcd = -1
)

// rpcError is the node's own answer, as opposed to a failure to get one.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("node says %q (%d)", e.Message, e.Code) }

// Password prints redacted.
type Password string

// Format keeps every verb from printing the password.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "password(redacted)") }

// MarshalText keeps encoders from writing the password.
func (Password) MarshalText() ([]byte, error) { return []byte("password(redacted)"), nil }

// rpcClient speaks JSON-RPC over HTTP with basic authentication. btcd's own
// client knows no contexts and no limit of an answer's size.
type rpcClient struct {
	url      string
	user     string
	password Password
	http     *http.Client
	slots    chan struct{}
	ids      atomic.Uint64
}

func newRPCClient(rawURL, user string, password Password, certificate []byte) (*rpcClient, error) {
	parsed, err := url.Parse(rawURL)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, fmt.Errorf("%w: node address %q is no http or https URL", ErrConfig, rawURL)
	}
	transport := &http.Transport{MaxConnsPerHost: maxConns, IdleConnTimeout: callTimeout}
	if len(certificate) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(certificate) {
			return nil, fmt.Errorf("%w: the node's certificate is no PEM", ErrConfig)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &rpcClient{
		url: rawURL, user: user, password: password,
		http: &http.Client{
			Transport: transport,
			// A node redirects nobody; what does would be given the transactions.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots: make(chan struct{}, maxConns),
	}, nil
}

// call asks the node and decodes its answer into out. The error is a *rpcError
// where the node itself refused.
func (c *rpcClient) call(ctx context.Context, method string, out any, params ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{
		"jsonrpc": "1.0", "id": c.ids.Add(1), "method": method, "params": params,
	})
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		err := c.post(ctx, body, out)
		if !errors.Is(err, errBusy) || try == busyTries {
			return err
		}
		if err := rest(ctx, busyPause*time.Duration(try)); err != nil {
			return err
		}
	}
}

func (c *rpcClient) post(ctx context.Context, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(c.user, string(c.password))
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusServiceUnavailable:
		return errBusy
	case http.StatusUnauthorized, http.StatusForbidden:
		return errLogin
	}
	var reply bytes.Buffer
	if size := response.ContentLength; size > 0 && size <= maxReply {
		reply.Grow(int(size) + bytes.MinRead)
	}
	if _, err := reply.ReadFrom(io.LimitReader(response.Body, maxReply+1)); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if reply.Len() > maxReply {
		return errReplyTooLong
	}
	return decodeReply(reply.Bytes(), response.Status, out)
}

// rawHex takes a result of hexadecimal digits without copying it three times,
// as a JSON decoder does: a block has millions of them.
type rawHex []byte

// cut takes the digits out of an answer and returns what is left of it. An
// answer of another form is left as it is.
func (h *rawHex) cut(reply []byte) []byte {
	const before = `"result":"`
	start := bytes.Index(reply, []byte(before))
	if start < 0 {
		return reply
	}
	start += len(before)
	size := bytes.IndexByte(reply[start:], '"')
	if size < 0 {
		return reply
	}
	raw := make([]byte, hex.DecodedLen(size))
	if _, err := hex.Decode(raw, reply[start:start+size]); err != nil {
		return reply
	}
	*h = raw
	return append(reply[:start:start], reply[start+size:]...)
}

// UnmarshalText reads digits that were not cut out.
func (h *rawHex) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	raw, err := hex.DecodeString(string(text))
	if err == nil {
		*h = raw
	}
	return err
}

// decodeReply reads an answer. Core sends errors with status 500, btcd with
// 200, so the body decides.
func decodeReply(reply []byte, status string, out any) error {
	if h, ok := out.(*rawHex); ok {
		reply = h.cut(reply)
	}
	var envelope struct {
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	if err := json.Unmarshal(reply, &envelope); err != nil {
		return fmt.Errorf("the answer (%s) is no JSON-RPC: %w", status, err)
	}
	if envelope.Error != nil {
		return envelope.Error
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(envelope.Result, out); err != nil {
		return fmt.Errorf("the answer is of another kind: %w", err)
	}
	return nil
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
