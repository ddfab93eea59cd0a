package bitcoinchain

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
)

var errBlockNotFound = btcjson.NewRPCError(btcjson.ErrRPCBlockNotFound, "Block not found")

func (s *rpcServer) getBestBlock(*btcjson.GetBestBlockCmd) (any, error) {
	best := s.chain.chain.BestSnapshot()
	return &btcjson.GetBestBlockResult{Hash: best.Hash.String(), Height: best.Height}, nil
}

func (s *rpcServer) getBestBlockHash(*btcjson.GetBestBlockHashCmd) (any, error) {
	return s.chain.chain.BestSnapshot().Hash.String(), nil
}

func (s *rpcServer) getBlockCount(*btcjson.GetBlockCountCmd) (any, error) {
	return int64(s.chain.chain.BestSnapshot().Height), nil
}

func (s *rpcServer) getBlockHash(c *btcjson.GetBlockHashCmd) (any, error) {
	hash, err := s.chain.chain.BlockHashByHeight(int32(c.Index))
	if err != nil {
		return nil, btcjson.NewRPCError(btcjson.ErrRPCOutOfRange, "Block number out of range")
	}
	return hash.String(), nil
}

// position tells where a block of the best chain stands. A block outside of it
// is an internal error for btcd.
func (s *rpcServer) position(hash *chainhash.Hash) (height, best int32, next string, err error) {
	height, err = s.chain.chain.BlockHeightByHash(hash)
	if err != nil {
		return 0, 0, "", internalError(err)
	}
	best = s.chain.chain.BestSnapshot().Height
	if height < best {
		nextHash, err := s.chain.chain.BlockHashByHeight(height + 1)
		if err != nil {
			return 0, 0, "", internalError(err)
		}
		next = nextHash.String()
	}
	return height, best, next, nil
}

func (s *rpcServer) getBlockHeader(c *btcjson.GetBlockHeaderCmd) (any, error) {
	hash, err := chainhash.NewHashFromStr(c.Hash)
	if err != nil {
		return nil, notHexError(c.Hash)
	}
	header, err := s.chain.chain.HeaderByHash(hash)
	if err != nil {
		return nil, errBlockNotFound
	}
	if c.Verbose != nil && !*c.Verbose {
		var buf bytes.Buffer
		if err := header.Serialize(&buf); err != nil {
			return nil, internalError(err)
		}
		return hex.EncodeToString(buf.Bytes()), nil
	}
	height, best, next, err := s.position(hash)
	if err != nil {
		return nil, err
	}
	return btcjson.GetBlockHeaderVerboseResult{
		Hash:          c.Hash,
		Confirmations: int64(1 + best - height),
		Height:        height,
		Version:       header.Version,
		VersionHex:    fmt.Sprintf("%08x", header.Version),
		MerkleRoot:    header.MerkleRoot.String(),
		Time:          header.Timestamp.Unix(),
		Nonce:         uint64(header.Nonce),
		Bits:          strconv.FormatInt(int64(header.Bits), 16),
		Difficulty:    difficulty(header.Bits, s.chain.params),
		PreviousHash:  header.PrevBlock.String(),
		NextHash:      next,
	}, nil
}

func (s *rpcServer) getBlock(c *btcjson.GetBlockCmd) (any, error) {
	hash, err := chainhash.NewHashFromStr(c.Hash)
	if err != nil {
		return nil, notHexError(c.Hash)
	}
	var raw []byte
	err = s.chain.db.View(func(tx database.Tx) error {
		stored, err := tx.FetchBlock(hash)
		raw = bytes.Clone(stored)
		return err
	})
	if err != nil {
		return nil, errBlockNotFound
	}
	if c.Verbosity != nil && *c.Verbosity == 0 {
		return hex.EncodeToString(raw), nil
	}
	block, err := btcutil.NewBlockFromBytes(raw)
	if err != nil {
		return nil, internalError(err)
	}
	height, best, next, err := s.position(hash)
	if err != nil {
		return nil, err
	}
	header := &block.MsgBlock().Header
	result := btcjson.GetBlockVerboseResult{
		Hash:          c.Hash,
		Confirmations: int64(1 + best - height),
		StrippedSize:  int32(block.MsgBlock().SerializeSizeStripped()),
		Size:          int32(len(raw)),
		Weight:        int32(blockchain.GetBlockWeight(block)),
		Height:        int64(height),
		Version:       header.Version,
		VersionHex:    fmt.Sprintf("%08x", header.Version),
		MerkleRoot:    header.MerkleRoot.String(),
		Time:          header.Timestamp.Unix(),
		Nonce:         header.Nonce,
		Bits:          strconv.FormatInt(int64(header.Bits), 16),
		Difficulty:    difficulty(header.Bits, s.chain.params),
		PreviousHash:  header.PrevBlock.String(),
		NextHash:      next,
	}
	where := &minedIn{header: header, hash: hash.String(), height: height, best: best}
	for _, tx := range block.Transactions() {
		if c.Verbosity == nil || *c.Verbosity == 1 {
			result.Tx = append(result.Tx, tx.Hash().String())
			continue
		}
		described, err := s.describeTx(tx.MsgTx(), where)
		if err != nil {
			return nil, err
		}
		result.RawTx = append(result.RawTx, *described)
	}
	return result, nil
}

// difficulty is the ratio that btcd reports, with its eight decimal places.
func difficulty(bits uint32, params *chaincfg.Params) float64 {
	ratio := new(big.Rat).SetFrac(blockchain.CompactToBig(params.PowLimitBits), blockchain.CompactToBig(bits))
	f, err := strconv.ParseFloat(ratio.FloatString(8), 64)
	if err != nil {
		return 0
	}
	return f
}

func (s *rpcServer) getDifficulty(*btcjson.GetDifficultyCmd) (any, error) {
	return difficulty(s.chain.chain.BestSnapshot().Bits, s.chain.params), nil
}

func (s *rpcServer) getChainTips(*btcjson.GetChainTipsCmd) (any, error) {
	tips := s.chain.chain.ChainTips()
	result := make([]btcjson.GetChainTipsResult, 0, len(tips))
	for _, tip := range tips {
		result = append(result, btcjson.GetChainTipsResult{
			Height:    tip.Height,
			Hash:      tip.BlockHash.String(),
			BranchLen: tip.BranchLen,
			Status:    tip.Status.String(),
		})
	}
	return result, nil
}

func (s *rpcServer) getBlockChainInfo(*btcjson.GetBlockChainInfoCmd) (any, error) {
	best, params := s.chain.chain.BestSnapshot(), s.chain.params
	bip9, err := s.bip9SoftForks()
	if err != nil {
		return nil, err
	}
	return &btcjson.GetBlockChainInfoResult{
		Chain:         params.Name,
		Blocks:        best.Height,
		Headers:       best.Height,
		BestBlockHash: best.Hash.String(),
		Difficulty:    difficulty(best.Bits, params),
		MedianTime:    best.MedianTime.Unix(),
		SoftForks: &btcjson.SoftForks{
			SoftForks: []*btcjson.SoftForkDescription{
				buriedSoftFork("bip34", 2, best.Height >= params.BIP0034Height),
				buriedSoftFork("bip66", 3, best.Height >= params.BIP0066Height),
				buriedSoftFork("bip65", 4, best.Height >= params.BIP0065Height),
			},
			Bip9SoftForks: bip9,
		},
	}, nil
}

func buriedSoftFork(id string, version uint32, active bool) *btcjson.SoftForkDescription {
	d := &btcjson.SoftForkDescription{ID: id, Version: version}
	d.Reject.Status = active
	return d
}

var deploymentNames = map[int]string{
	chaincfg.DeploymentTestDummy:              "dummy",
	chaincfg.DeploymentTestDummyMinActivation: "dummy-min-activation",
	chaincfg.DeploymentTestDummyAlwaysActive:  "dummy-always-active",
	chaincfg.DeploymentCSV:                    "csv",
	chaincfg.DeploymentSegwit:                 "segwit",
	chaincfg.DeploymentTaproot:                "taproot",
}

var thresholdNames = map[blockchain.ThresholdState]string{
	blockchain.ThresholdDefined:  "defined",
	blockchain.ThresholdStarted:  "started",
	blockchain.ThresholdLockedIn: "lockedin",
	blockchain.ThresholdActive:   "active",
	blockchain.ThresholdFailed:   "failed",
}

func (s *rpcServer) bip9SoftForks() (map[string]*btcjson.Bip9SoftForkDescription, error) {
	forks := make(map[string]*btcjson.Bip9SoftForkDescription)
	for id, details := range s.chain.params.Deployments {
		state, err := s.chain.chain.ThresholdState(uint32(id))
		if err != nil {
			return nil, internalError(err)
		}
		d := &btcjson.Bip9SoftForkDescription{
			Status:              thresholdNames[state],
			Bit:                 details.BitNumber,
			MinActivationHeight: int32(details.MinActivationHeight),
		}
		if starter, ok := details.DeploymentStarter.(*chaincfg.MedianTimeDeploymentStarter); ok {
			d.StartTime2 = starter.StartTime().Unix()
		}
		if ender, ok := details.DeploymentEnder.(*chaincfg.MedianTimeDeploymentEnder); ok {
			d.Timeout = ender.EndTime().Unix()
		}
		forks[deploymentNames[id]] = d
	}
	return forks, nil
}
