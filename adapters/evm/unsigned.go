package evm

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
)

// Unsigned is a transaction (EIP-1559) for a signer that keeps its key elsewhere.
type Unsigned struct {
	ChainID, Nonce, Gas uint64
	Tip, FeeCap         *big.Int // wei per gas
	To                  common.Address
	Value               *big.Int
	Data                []byte
}

// unsignedFields are what is signed, in the order of the standard.
type unsignedFields struct {
	ChainID    *big.Int
	Nonce      uint64
	Tip, Cap   *big.Int
	Gas        uint64
	To         *common.Address `rlp:"nil"`
	Value      *big.Int
	Data       []byte
	AccessList types.AccessList
}

// Encode gives the bytes whose Keccak-256 is signed.
func (u Unsigned) Encode() ([]byte, error) {
	body, err := rlp.EncodeToBytes(unsignedFields{
		ChainID: new(big.Int).SetUint64(u.ChainID), Nonce: u.Nonce, Tip: u.Tip, Cap: u.FeeCap, Gas: u.Gas, To: &u.To, Value: u.Value, Data: u.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode an unsigned transaction: %w", err)
	}
	return append([]byte{types.DynamicFeeTxType}, body...), nil
}

// DecodeUnsigned reads such bytes. Nothing else than a plain call or payment is read: a signer has to be able to
// show all of what it signs.
func DecodeUnsigned(payload []byte) (Unsigned, error) {
	const op = "read an unsigned transaction"
	if len(payload) == 0 || payload[0] != types.DynamicFeeTxType {
		return Unsigned{}, mismatch(op, "it is not of EIP-1559")
	}
	var f unsignedFields
	if err := rlp.DecodeBytes(payload[1:], &f); err != nil {
		return Unsigned{}, mismatch(op, "%v", err)
	}
	if f.To == nil || len(f.AccessList) > 0 || !f.ChainID.IsUint64() || f.Value.BitLen() > 256 || f.Tip.BitLen() > 256 || f.Cap.BitLen() > 256 {
		return Unsigned{}, mismatch(op, "it is neither a plain call nor a payment")
	}
	return Unsigned{
		ChainID: f.ChainID.Uint64(), Nonce: f.Nonce, Gas: f.Gas, Tip: f.Tip, FeeCap: f.Cap, To: *f.To, Value: f.Value, Data: f.Data,
	}, nil
}

// Summary says in words what is signed, for the person or the rule that decides.
func (u Unsigned) Summary() string {
	most := new(big.Int).Mul(new(big.Int).SetUint64(u.Gas), u.FeeCap)
	what := fmt.Sprintf("%d bytes of unknown call data", len(u.Data))
	if len(u.Data) == 0 {
		what = "a payment"
	}
	if call, err := ReadCall(u.Data); err == nil {
		what = call.String()
	}
	return fmt.Sprintf("chain %d, nonce %d: %s; %s wei to %s; fee at most %s wei", u.ChainID, u.Nonce, what, u.Value, u.To, most)
}

// Signed puts a signature (r, s, v of 0 or 1) on encoded bytes, and gives the transaction and who signed it.
func Signed(payload, signature []byte) (raw adapters.RawTx, by common.Address, err error) {
	u, err := DecodeUnsigned(payload)
	if err != nil {
		return nil, by, err
	}
	const op = "put a signature on a transaction"
	again, err := u.Encode()
	if err != nil || string(again) != string(payload) {
		return nil, by, mismatch(op, "the bytes are not in their one encoding")
	}
	if len(signature) != crypto.SignatureLength ||
		!crypto.ValidateSignatureValues(signature[64], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64]), true) {
		return nil, by, mismatch(op, "no valid signature")
	}
	signer := types.LatestSignerForChainID(new(big.Int).SetUint64(u.ChainID))
	tx, err := types.NewTx(&types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(u.ChainID), Nonce: u.Nonce, GasTipCap: u.Tip, GasFeeCap: u.FeeCap, Gas: u.Gas,
		To: &u.To, Value: u.Value, Data: u.Data,
	}).WithSignature(signer, signature)
	if err != nil {
		return nil, by, mismatch(op, "%v", err)
	}
	if by, err = types.Sender(signer, tx); err != nil {
		return nil, by, mismatch(op, "%v", err)
	}
	raw, err = tx.MarshalBinary()
	return raw, by, err
}

// ConsentTypedData is what the payee of a leg signs to consent to its refund before the time lock, as the JSON
// that eth_signTypedData_v4 takes.
func ConsentTypedData(terms htlc.Terms, leg int) ([]byte, error) {
	_, call, err := callOf(terms, leg)
	if err != nil {
		return nil, err
	}
	type field struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	return json.Marshal(map[string]any{
		"types": map[string][]field{
			"EIP712Domain": {{"name", "string"}, {"version", "string"}, {"chainId", "uint256"}, {"verifyingContract", "address"}},
			"EarlyRefund":  {{"id", "bytes32"}},
		},
		"primaryType": "EarlyRefund",
		"domain": map[string]string{
			"name": contracts.DomainName, "version": contracts.DomainVersion, "chainId": call.Chain.Reference(), "verifyingContract": call.To.Hex(),
		},
		"message": map[string]string{"id": call.Contract.Hex()},
	})
}
