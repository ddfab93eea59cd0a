package evmtest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// Story tells what the last blocks and the pool hold, for a test that found something else there.
func (c *Chain) Story() string {
	c.t.Helper()
	var b strings.Builder
	head, err := c.Client.BlockNumber(c.Context())
	if err != nil {
		c.t.Fatalf("head: %v", err)
	}
	for n := head; n > 0 && n+3 > head; n-- {
		block, err := c.Client.BlockByNumber(c.Context(), new(big.Int).SetUint64(n))
		if err != nil {
			c.t.Fatalf("block %d: %v", n, err)
		}
		fmt.Fprintf(&b, "\nblock %d, base fee %s:", n, block.BaseFee())
		for _, tx := range block.Transactions() {
			r := c.Receipt(tx)
			fmt.Fprintf(&b, " %s nonce %d status %d gas %d of %d", tx.Hash().TerminalString(), tx.Nonce(), r.Status, r.GasUsed, tx.Gas())
		}
	}
	var pool json.RawMessage
	if err := c.rpc.CallContext(c.Context(), &pool, "txpool_inspect"); err != nil {
		c.t.Fatalf("pool: %v", err)
	}
	fmt.Fprintf(&b, "\npool: %s", pool)
	return b.String()
}
