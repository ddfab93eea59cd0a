package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/rescue"
)

// broadcastRaw hands the bytes to a chain's node by JSON-RPC. A refund on an
// Ethereum chain is tried by the node first: one that reverts would be mined all
// the same, for its whole fee. A redeem is not, since the call shows the secret
// as the transaction does.
func broadcastRaw(ctx context.Context, node string, s rescue.Spend) error {
	target, err := url.Parse(node)
	if err != nil || target.Host == "" {
		return usage("--broadcast takes a URL such as http://user:password@127.0.0.1:8332")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if s.Ask != nil {
		refused, err := callNode(ctx, *target, "eth_call", s.Ask, "latest")
		if err != nil {
			return err
		}
		if refused != "" {
			return fmt.Errorf("nothing was sent: the node says that the refund would fail now and cost its fee: %s", refused)
		}
	}
	method := "sendrawtransaction"
	if strings.HasPrefix(s.Raw, "0x") {
		method = "eth_sendRawTransaction"
	}
	refused, err := callNode(ctx, *target, method, s.Raw)
	if err == nil && refused != "" {
		return fmt.Errorf("the node refused the transaction: %s", refused)
	}
	return err
}

// callNode is one JSON-RPC call; refused is the text of a node that says no.
func callNode(ctx context.Context, target url.URL, method string, params ...any) (refused string, err error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	user := target.User
	target.User = nil
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("broadcast: no answer from %s: %w", target.Host, err)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	_ = response.Body.Close() // read already
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	var reply struct {
		Error *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return "", fmt.Errorf("broadcast: %s answered %s, which is no JSON-RPC", target.Host, response.Status)
	}
	if reply.Error != nil {
		return reply.Error.Message, nil
	}
	return "", nil
}
