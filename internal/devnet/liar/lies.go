package liar

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/core/types"
)

var null = json.RawMessage("null")

// bend changes a question, or answers it at once.
func (l *Liar) bend(lie Lie, head uint64, c call) (call, *answer) {
	if lie == Swallow && len(c.Params) > 0 {
		return c, swallowed(c)
	}
	ended := lie == StaleHead || lie == WentBack
	if !ended || len(c.Params) == 0 {
		return c, nil
	}
	switch c.Method {
	case "eth_getBlockByNumber":
		name, _ := c.Params[0].(string)
		if n, err := strconv.ParseUint(strings.TrimPrefix(name, "0x"), 16, 64); err == nil {
			if n > head {
				return c, &answer{Result: null}
			}
			return c, nil
		}
		if name == "latest" || name == "pending" {
			c.Params = append([]any{fmt.Sprintf("0x%x", head)}, c.Params[1:]...)
		}
	case "getblockhash":
		if n, ok := c.Params[0].(float64); ok && uint64(n) > head {
			return c, &answer{Result: null, Error: json.RawMessage(`{"code":-8,"message":"Block height out of range"}`)}
		}
	}
	return c, nil
}

// twist changes an answer; nil leaves it.
func twist(lie Lie, head uint64, tip string, c call, result json.RawMessage) json.RawMessage {
	switch lie {
	case None, Swallow:
	case Invented:
		return longer(c, result)
	case StaleHead, WentBack:
		return ended(head, tip, c, result)
	case EmptyLogs:
		switch c.Method {
		case "eth_getLogs":
			return json.RawMessage("[]")
		case "getblock":
			return emptied(result)
		}
	case FalseReceipt:
		if c.Method == "eth_getTransactionReceipt" {
			return otherOutcome(result)
		}
	case FalseState:
		switch c.Method {
		case "eth_getStorageAt":
			return json.RawMessage(`"0x` + strings.Repeat("0", 64) + `"`)
		case "gettxout":
			return null
		}
	}
	return nil
}

func ended(head uint64, tip string, c call, result json.RawMessage) json.RawMessage {
	switch c.Method {
	case "eth_blockNumber":
		return json.RawMessage(fmt.Sprintf(`"0x%x"`, head))
	case "getblockcount":
		return json.RawMessage(strconv.FormatUint(head, 10))
	case "getblockchaininfo":
		var info map[string]any
		if json.Unmarshal(result, &info) != nil {
			return nil
		}
		info["blocks"], info["headers"], info["bestblockhash"] = head, head, tip
		return encode(info)
	}
	return nil
}

// swallowed is the answer to a transaction that is not handed on; nil for other
// questions.
func swallowed(c call) *answer {
	text, _ := c.Params[0].(string)
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil
	}
	switch c.Method {
	case "eth_sendRawTransaction":
		tx := new(types.Transaction)
		if tx.UnmarshalBinary(raw) != nil {
			return nil
		}
		return &answer{Result: encode(tx.Hash())}
	case "sendrawtransaction":
		tx := new(wire.MsgTx)
		if tx.Deserialize(bytes.NewReader(raw)) != nil {
			return nil
		}
		return &answer{Result: encode(tx.TxHash().String())}
	}
	return nil
}

// longer tells of a head that is nowhere.
func longer(c call, result json.RawMessage) json.RawMessage {
	var said map[string]any
	switch c.Method {
	case "eth_getBlockByNumber":
		if name, _ := c.Params[0].(string); name != "latest" || json.Unmarshal(result, &said) != nil {
			return nil
		}
		text, _ := said["number"].(string)
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
		if err != nil {
			return nil
		}
		said["number"] = fmt.Sprintf("0x%x", n+invented)
		return encode(said)
	case "getblockchaininfo":
		if json.Unmarshal(result, &said) != nil {
			return nil
		}
		n, _ := said["blocks"].(float64)
		said["blocks"], said["headers"] = uint64(n)+invented, uint64(n)+invented
		said["bestblockhash"] = strings.Repeat("00", 28) + "c0ffee01"
		return encode(said)
	}
	return nil
}

// emptied is a block with its coinbase only.
func emptied(result json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(result, &text) != nil {
		return nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	var block wire.MsgBlock
	if block.Deserialize(bytes.NewReader(raw)) != nil || len(block.Transactions) < 2 {
		return nil
	}
	block.Transactions = block.Transactions[:1]
	var out bytes.Buffer
	if block.Serialize(&out) != nil {
		return nil
	}
	return encode(hex.EncodeToString(out.Bytes()))
}

func otherOutcome(result json.RawMessage) json.RawMessage {
	var receipt map[string]any
	if json.Unmarshal(result, &receipt) != nil || receipt == nil {
		return nil
	}
	if receipt["status"] == "0x1" {
		receipt["status"] = "0x0"
	} else {
		receipt["status"] = "0x1"
	}
	return encode(receipt)
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
