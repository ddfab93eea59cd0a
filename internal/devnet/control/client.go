package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"time"
)

// maxReplyBytes bounds a reply; the largest names the blocks of one call.
const maxReplyBytes = 8 << 20

// Client calls the control API. Its methods may be called concurrently.
type Client struct {
	url   string
	token Credential
	http  *http.Client
}

// NewClient is a client of the devnet at the endpoint. It keeps no connection
// open, so there is nothing to close.
func NewClient(e ControlEndpoint) *Client {
	return &Client{
		url:   e.URL,
		token: e.Token,
		http:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// Status tells where both chains stand.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	err := c.call(ctx, http.MethodGet, PathStatus, nil, &status)
	return status, err
}

// MineBitcoin makes n blocks.
func (c *Client) MineBitcoin(ctx context.Context, n int) ([]string, error) {
	return c.mine(ctx, PathBitcoinMine, n)
}

// MineEVM makes n blocks.
func (c *Client) MineEVM(ctx context.Context, n int) ([]string, error) {
	return c.mine(ctx, PathEVMMine, n)
}

func (c *Client) mine(ctx context.Context, path string, n int) ([]string, error) {
	var reply MineResponse
	err := c.call(ctx, http.MethodPost, path, MineRequest{Blocks: n}, &reply)
	return reply.Hashes, err
}

// PayBitcoin sends satoshi to an address, or to "script:" and hexadecimal, and
// mines the payment when confirm is set.
func (c *Client) PayBitcoin(ctx context.Context, address string, satoshi int64, confirm bool) (txid string, err error) {
	return c.pay(ctx, PathBitcoinPay, PayRequest{Address: address, Amount: strconv.FormatInt(satoshi, 10), Confirm: confirm})
}

// PayEVM sends wei to an address and mines the payment when confirm is set.
func (c *Client) PayEVM(ctx context.Context, address string, wei *big.Int, confirm bool) (txid string, err error) {
	return c.pay(ctx, PathEVMPay, PayRequest{Address: address, Amount: wei.String(), Confirm: confirm})
}

func (c *Client) pay(ctx context.Context, path string, req PayRequest) (string, error) {
	var reply PayResponse
	err := c.call(ctx, http.MethodPost, path, req, &reply)
	return reply.TxID, err
}

// ReorgBitcoin replaces the newest blocks.
func (c *Client) ReorgBitcoin(ctx context.Context, req ReorgRequest) (ReorgResponse, error) {
	var reply ReorgResponse
	err := c.call(ctx, http.MethodPost, PathBitcoinReorg, req, &reply)
	return reply, err
}

// ReorgEVM replaces the newest blocks.
func (c *Client) ReorgEVM(ctx context.Context, req ReorgRequest) (ReorgResponse, error) {
	var reply ReorgResponse
	err := c.call(ctx, http.MethodPost, PathEVMReorg, req, &reply)
	return reply, err
}

// Advance moves the clocks of both chains, in whole seconds.
func (c *Client) Advance(ctx context.Context, d time.Duration) (Status, error) {
	return c.AdvanceChains(ctx, AdvanceRequest{Seconds: int64(d / time.Second), Bitcoin: true, EVM: true})
}

// AdvanceChains moves the clocks of the named chains.
func (c *Client) AdvanceChains(ctx context.Context, req AdvanceRequest) (Status, error) {
	var status Status
	err := c.call(ctx, http.MethodPost, PathAdvance, req, &status)
	return status, err
}

// SetMining says which chains' tickers make blocks; blocks on command come
// anyway.
func (c *Client) SetMining(ctx context.Context, bitcoin, evm bool) error {
	return c.call(ctx, http.MethodPost, PathMining, MiningRequest{Bitcoin: bitcoin, EVM: evm}, &Empty{})
}

func (c *Client) call(ctx context.Context, method, path string, body, reply any) (err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("control: %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("control: %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("control: %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	limited := io.LimitReader(resp.Body, maxReplyBytes)
	if resp.StatusCode != http.StatusOK {
		refusal := &Error{Reason: ReasonInternal, Message: resp.Status}
		if err := json.NewDecoder(limited).Decode(refusal); err != nil {
			return fmt.Errorf("control: %s: status %s: %w", path, resp.Status, err)
		}
		return refusal
	}
	if err := json.NewDecoder(limited).Decode(reply); err != nil {
		return fmt.Errorf("control: %s: reply: %w", path, err)
	}
	return nil
}
