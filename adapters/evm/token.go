package evm

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
)

// tokenABI is what the adapter calls of a token.
var tokenABI = mustABI(`[
	{"type":"function","name":"balanceOf","stateMutability":"view","inputs":[{"name":"account","type":"address"}],"outputs":[{"type":"uint256"}]},
	{"type":"function","name":"allowance","stateMutability":"view","inputs":[{"name":"owner","type":"address"},{"name":"spender","type":"address"}],"outputs":[{"type":"uint256"}]},
	{"type":"function","name":"approve","stateMutability":"nonpayable","inputs":[{"name":"spender","type":"address"},{"name":"amount","type":"uint256"}],"outputs":[]},
	{"type":"function","name":"transfer","stateMutability":"nonpayable","inputs":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}],"outputs":[]}
]`)

func mustABI(text string) abi.ABI {
	parsed, err := abi.JSON(strings.NewReader(text))
	if err != nil {
		panic(err) // a constant
	}
	return parsed
}

func maxUint256() *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
}

// tokenView reads a number of a token at the tip.
func (a *Adapter) tokenView(ctx context.Context, token common.Address, method string, args ...any) (*big.Int, error) {
	data, err := tokenABI.Pack(method, args...)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", method, err)
	}
	raw, err := a.node.eth.CallContract(ctx, ethereum.CallMsg{To: &token, Data: data}, nil)
	if err != nil {
		return nil, unreachable(fmt.Sprintf("read %s of token %s", method, token), err)
	}
	if len(raw) != 32 {
		return nil, mismatch(fmt.Sprintf("read %s of token %s", method, token), "it answers %d bytes", len(raw))
	}
	return new(big.Int).SetBytes(raw), nil
}

// balanceOf an account of ours in an asset, zero address for the native coin.
func (a *Adapter) balanceOf(ctx context.Context, token common.Address) (*big.Int, error) {
	if token == (common.Address{}) {
		return a.spendable(ctx)
	}
	return a.tokenView(ctx, token, "balanceOf", a.account.Address())
}
