package bitcoinchain

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mempool"
)

const (
	// btcdVersion is the release whose packages and RPC manners are used; its
	// client reads it to choose among dialects.
	btcdVersion     = 26_02_00
	protocolVersion = 70002
	generateTimeout = 30 * time.Second
)

// btcd's version of its own interface.
var rpcVersion = btcjson.VersionResult{VersionString: "1.3.0", Major: 1, Minor: 3}

func (s *rpcServer) estimateFee(c *btcjson.EstimateFeeCmd) (any, error) {
	if c.NumBlocks <= 0 {
		return -1.0, errors.New("parameter NumBlocks must be positive")
	}
	rate, err := s.chain.fees.EstimateFee(uint32(c.NumBlocks))
	if err != nil {
		return -1.0, err
	}
	return float64(rate), nil
}

func (s *rpcServer) generate(c *btcjson.GenerateCmd) (any, error) {
	if c.NumBlocks == 0 {
		return nil, btcjson.NewRPCError(btcjson.ErrRPCInternal.Code, "Please request a nonzero number of blocks to generate.")
	}
	ctx, cancel := context.WithTimeout(context.Background(), generateTimeout)
	defer cancel()
	hashes, err := s.chain.Mine(ctx, int(c.NumBlocks))
	if err != nil {
		return nil, internalError(err)
	}
	result := make([]string, len(hashes))
	for i, hash := range hashes {
		result[i] = hash.String()
	}
	return result, nil
}

func (s *rpcServer) submitBlock(c *btcjson.SubmitBlockCmd) (any, error) {
	text := c.HexBlock
	if len(text)%2 != 0 {
		text = "0" + text
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, notHexError(text)
	}
	block, err := btcutil.NewBlockFromBytes(raw)
	if err != nil {
		return nil, btcjson.NewRPCError(btcjson.ErrRPCDeserialization, "Block decode failed: "+err.Error())
	}
	s.chain.mu.Lock()
	defer s.chain.mu.Unlock()
	if _, _, err := s.chain.chain.ProcessBlock(block, blockchain.BFNone); err != nil {
		return fmt.Sprintf("rejected: %s", err.Error()), nil
	}
	return nil, nil
}

func (s *rpcServer) invalidateBlock(c *btcjson.InvalidateBlockCmd) (any, error) {
	return nil, s.judgeBlock(c.BlockHash, s.chain.chain.InvalidateBlock)
}

func (s *rpcServer) reconsiderBlock(c *btcjson.ReconsiderBlockCmd) (any, error) {
	return nil, s.judgeBlock(c.BlockHash, s.chain.chain.ReconsiderBlock)
}

func (s *rpcServer) judgeBlock(text string, judge func(*chainhash.Hash) error) error {
	hash, err := chainhash.NewHashFromStr(text)
	if err != nil {
		return btcjson.NewRPCError(btcjson.ErrRPCDeserialization,
			// btcd prints the hash that it could not read, not the text.
			fmt.Sprintf("Failed to deserialize blockhash from string of %v", hash))
	}
	s.chain.mu.Lock()
	defer s.chain.mu.Unlock()
	if err := judge(hash); err != nil {
		return err
	}
	s.chain.dropNonFinal()
	return nil
}

func (s *rpcServer) getInfo(*btcjson.GetInfoCmd) (any, error) {
	best := s.chain.chain.BestSnapshot()
	return &btcjson.InfoChainResult{
		Version:         btcdVersion,
		ProtocolVersion: protocolVersion,
		Blocks:          best.Height,
		TimeOffset:      int64(s.chain.clock.Offset().Seconds()),
		Difficulty:      difficulty(best.Bits, s.chain.params),
		RelayFee:        mempool.DefaultMinRelayTxFee.ToBTC(),
	}, nil
}

func (s *rpcServer) getConnectionCount(*btcjson.GetConnectionCountCmd) (any, error) {
	return int32(0), nil
}

func (s *rpcServer) getCurrentNet(*btcjson.GetCurrentNetCmd) (any, error) {
	return s.chain.params.Net, nil
}

func (s *rpcServer) ping(*btcjson.PingCmd) (any, error) { return nil, nil }

func (s *rpcServer) uptime(*btcjson.UptimeCmd) (any, error) {
	return s.chain.opts.Now().Unix() - s.chain.started.Unix(), nil
}

func (s *rpcServer) version(*btcjson.VersionCmd) (any, error) {
	return map[string]btcjson.VersionResult{"btcdjsonrpcapi": rpcVersion}, nil
}

func (s *rpcServer) validateAddress(c *btcjson.ValidateAddressCmd) (any, error) {
	addr, err := address.DecodeAddress(c.Address, s.chain.params)
	if err != nil {
		return btcjson.ValidateAddressChainResult{}, nil //nolint:nilerr // that it cannot be read is the answer
	}
	result := btcjson.ValidateAddressChainResult{IsValid: true, Address: addr.EncodeAddress()}
	switch addr := addr.(type) {
	case *address.AddressPubKeyHash, *address.AddressPubKey:
		result.IsScript, result.IsWitness = btcjson.Bool(false), btcjson.Bool(false)
	case *address.AddressScriptHash:
		result.IsScript, result.IsWitness = btcjson.Bool(true), btcjson.Bool(false)
	case *address.AddressWitnessPubKeyHash:
		result.IsScript, result.IsWitness = btcjson.Bool(false), btcjson.Bool(true)
		result.WitnessVersion = btcjson.Int32(int32(addr.WitnessVersion()))
		result.WitnessProgram = btcjson.String(hex.EncodeToString(addr.WitnessProgram()))
	case *address.AddressWitnessScriptHash:
		result.IsScript, result.IsWitness = btcjson.Bool(true), btcjson.Bool(true)
		result.WitnessVersion = btcjson.Int32(int32(addr.WitnessVersion()))
		result.WitnessProgram = btcjson.String(hex.EncodeToString(addr.WitnessProgram()))
	default:
		// btcd says no more than that it is valid, for taproot too.
	}
	return result, nil
}
