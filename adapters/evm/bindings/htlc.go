// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package bindings

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Reference imports to suppress errors if they are not otherwise used.
var (
	_ = bytes.Equal
	_ = errors.New
	_ = big.NewInt
	_ = common.Big1
	_ = types.BloomLookup
	_ = abi.ConvertType
)

// HtlcFunding is an auto generated low-level Go binding around an user-defined struct.
type HtlcFunding struct {
	Lane       uint64
	Sequence   uint64
	Payee      common.Address
	RefundTo   common.Address
	Amount     *big.Int
	SecretHash [32]byte
	TimeLock   uint64
}

// HtlcLeg is an auto generated low-level Go binding around an user-defined struct.
type HtlcLeg struct {
	Funder   common.Address
	Lane     uint64
	Sequence uint64
	Payee    common.Address
	RefundTo common.Address
	Token    common.Address
	Amount   *big.Int
	TimeLock uint64
}

// HtlcReclaim is an auto generated low-level Go binding around an user-defined struct.
type HtlcReclaim struct {
	Leg        HtlcLeg
	SecretHash [32]byte
}

// HtlcRedemption is an auto generated low-level Go binding around an user-defined struct.
type HtlcRedemption struct {
	Leg    HtlcLeg
	Secret [32]byte
}

// HtlcMetaData contains all meta data concerning the Htlc contract.
var HtlcMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[],\"name\":\"LaneNotFree\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"NotOpen\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"PaymentFailed\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"Reentered\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"TimeLocked\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"WrongAmountReceived\",\"type\":\"error\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"}],\"name\":\"Funded\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"name\":\"Redeemed\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"}],\"name\":\"Refunded\",\"type\":\"event\"},{\"inputs\":[],\"name\":\"domain\",\"outputs\":[{\"internalType\":\"bytes32\",\"name\":\"\",\"type\":\"bytes32\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"name\":\"fund\",\"outputs\":[],\"stateMutability\":\"payable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Funding[]\",\"name\":\"fundings\",\"type\":\"tuple[]\"}],\"name\":\"fundMany\",\"outputs\":[],\"stateMutability\":\"payable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"name\":\"fundToken\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"name\":\"redeem\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"internalType\":\"structHtlc.Redemption[]\",\"name\":\"items\",\"type\":\"tuple[]\"},{\"internalType\":\"uint256\",\"name\":\"itemGas\",\"type\":\"uint256\"}],\"name\":\"redeemMany\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"}],\"name\":\"refund\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"}],\"internalType\":\"structHtlc.Reclaim[]\",\"name\":\"items\",\"type\":\"tuple[]\"},{\"internalType\":\"uint256\",\"name\":\"itemGas\",\"type\":\"uint256\"}],\"name\":\"refundMany\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"}],\"name\":\"slot\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"}]",
	ID:  "Htlc",
	Bin: "0x60a034606c576020810146815230604083015260408252606082019180831060018060401b03841117605857826040525190206080526111609081610071823960805181818161019701528181610de301526110490152f35b634e487b7160e01b5f52604160045260245ffd5b5f80fdfe6080806040526004361015610012575f80fd5b5f3560e01c90816309010850146108f05750806341b117b5146105d05780635f81728c146104295780637be812231461038957806395bda842146102f3578063a8a80c2714610253578063be1db2bf146101ba578063c2fb26a6146101625763cbacdd0e1461007f575f80fd5b3461015e5761008d36610adf565b9067ffffffffffffffff6100a360e08301610be1565b164210610136576100b7610125928261103d565b7ffe509803c09416b28ff3d8f690c8b0c61462a892c46d5430c8fb20abe472daf05f80a26080810173ffffffffffffffffffffffffffffffffffffffff6100fd82610bf6565b16610127575061010c81610bf6565b905b60c061011c60a08301610bf6565b91013591610fa9565b005b61013090610bf6565b9061010e565b7f56f38557000000000000000000000000000000000000000000000000000000005f5260045ffd5b5f80fd5b3461015e575f7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261015e5760206040517f00000000000000000000000000000000000000000000000000000000000000008152f35b3461015e5760407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261015e5760043573ffffffffffffffffffffffffffffffffffffffff8116810361015e577bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff6102376109d5565b169160401b16175f525f602052602060405f2054604051908152f35b3461015e5761026136610a68565b5f5b82811061026c57005b610277818486610c17565b90610100610286828688610c17565b013591303b1561015e576001926102c7604051927f95bda8420000000000000000000000000000000000000000000000000000000084526004840190610c55565b6101048201525f8161012481833089f16102e3575b5001610263565b5f6102ed91610b66565b856102dc565b3461015e5761030136610adf565b9060205f6040518281019085825283815261031d604082610b66565b604051918291518091835e8101838152039060025afa1561037e57610125917f489e9ee921192823d1aa1ef800c9ffc642993538b1e7e43a4d46a91965e894ab602061036a5f518561103d565b92604051908152a261010c60608201610bf6565b6040513d5f823e3d90fd5b3461015e5761039736610a68565b5f5b8281106103a257005b6103ad818486610c17565b906101006103bc828688610c17565b013591303b1561015e576001926103fd604051927fcbacdd0e0000000000000000000000000000000000000000000000000000000084526004840190610c55565b6101048201525f8161012481833089f1610419575b5001610399565b5f61042391610b66565b85610412565b60207ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261015e5760043567ffffffffffffffff811161015e573660238201121561015e57806004013567ffffffffffffffff811161015e5736602460e083028401011161015e5734915f5b828110156105885760e08102820160a48101359085821161057e578060c46104c4602461055a9401610be1565b9167ffffffffffffffff6104da60448301610be1565b73ffffffffffffffffffffffffffffffffffffffff6104fb60648501610bf6565b8161050860848701610bf6565b918561051660e48901610be1565b95816040519b6105258d610b1c565b338d521660208c01521660408a01521660608801521660808601525f60a08601528660c08601521660e0840152013590610d37565b61056a575b506001905b01610497565b6105779060019295610ba7565b939061055f565b5050600190610564565b838061059057005b5f80808093335af16105a0610efc565b50156105a857005b7ff499da20000000000000000000000000000000000000000000000000000000005f5260045ffd5b3461015e576101007ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261015e576106086109be565b6106106109d5565b610618610a01565b91610621610a24565b916084359173ffffffffffffffffffffffffffffffffffffffff83169384840361015e5760a4359560e4359167ffffffffffffffff831680930361015e5760ff5f5c166108c85773ffffffffffffffffffffffffffffffffffffffff809267ffffffffffffffff6106f89760017fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff005f5c16175f5d81604051986106c38a610b1c565b338a521660208901521660408701521660608501521660808301528460a08301528560c083015260e082015260c43590610d37565b156108a057604051907f70a08231000000000000000000000000000000000000000000000000000000008252306004830152602082602481865afa91821561037e575f9261086b575b50602492610799602092604051907f23b872dd0000000000000000000000000000000000000000000000000000000085830152338783015230604483015287606483015260648252610794608483610b66565b610f59565b604051938480927f70a082310000000000000000000000000000000000000000000000000000000082523060048301525afa801561037e575f90610837575b6107e29250610ba7565b0361080f577fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff005f5c165f5d005b7f6d799c4a000000000000000000000000000000000000000000000000000000005f5260045ffd5b506020823d602011610863575b8161085160209383610b66565b8101031261015e576107e291516107d8565b3d9150610844565b9091506020813d602011610898575b8161088760209383610b66565b8101031261015e5751906024610741565b3d915061087a565b7f6bbdc46d000000000000000000000000000000000000000000000000000000005f5260045ffd5b7fb5dfd9e5000000000000000000000000000000000000000000000000000000005f5260045ffd5b60c07ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261015e576109226109be565b9061092b6109d5565b610933610a01565b9261093c610a24565b60a4359267ffffffffffffffff841680940361015e576109b79567ffffffffffffffff73ffffffffffffffffffffffffffffffffffffffff94928186946109828a610b1c565b338a521660208901521660408701521660608501521660808301525f60a08301523460c083015260e082015260843590610d37565b156108a057005b6004359067ffffffffffffffff8216820361015e57565b6024359067ffffffffffffffff8216820361015e57565b359067ffffffffffffffff8216820361015e57565b6044359073ffffffffffffffffffffffffffffffffffffffff8216820361015e57565b6064359073ffffffffffffffffffffffffffffffffffffffff8216820361015e57565b359073ffffffffffffffffffffffffffffffffffffffff8216820361015e57565b9060407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc83011261015e5760043567ffffffffffffffff811161015e5760040182601f8201121561015e5780359267ffffffffffffffff841161015e57602080830192610120860201011161015e57919060243590565b7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc01610120811261015e576101001361015e576004906101043590565b610100810190811067ffffffffffffffff821117610b3957604052565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52604160045260245ffd5b90601f7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0910116810190811067ffffffffffffffff821117610b3957604052565b91908203918211610bb457565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b3567ffffffffffffffff8116810361015e5790565b3573ffffffffffffffffffffffffffffffffffffffff8116810361015e5790565b9190811015610c2857610120020190565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd5b67ffffffffffffffff610d3160e0809373ffffffffffffffffffffffffffffffffffffffff610c8382610a47565b16865283610c93602083016109ec565b16602087015283610ca6604083016109ec565b16604087015273ffffffffffffffffffffffffffffffffffffffff610ccd60608301610a47565b16606087015273ffffffffffffffffffffffffffffffffffffffff610cf460808301610a47565b16608087015273ffffffffffffffffffffffffffffffffffffffff610d1b60a08301610a47565b1660a087015260c081013560c0870152016109ec565b16910152565b73ffffffffffffffffffffffffffffffffffffffff81511660208201907bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff80845116169160401b161792835f525f60205260405f205490604084019167ffffffffffffffff83511603610ef35767ffffffffffffffff60e07f80000000000000000000000000000000000000000000000000000000000000009582604051958160208801987f00000000000000000000000000000000000000000000000000000000000000008a5273ffffffffffffffffffffffffffffffffffffffff85511660408a0152511660608801525116608086015273ffffffffffffffffffffffffffffffffffffffff60608201511660a086015273ffffffffffffffffffffffffffffffffffffffff60808201511660c086015273ffffffffffffffffffffffffffffffffffffffff60a0820151168286015260c08101516101008601520151166101208301526101408201526101408152610eb961016082610b66565b51902017905f525f6020528060405f20557f62b074648dd932d8b56dbf1b320b53a56881e960cd4448e11e3f7db0069efc4b5f80a2600190565b50505050505f90565b3d15610f54573d9067ffffffffffffffff8211610b395760405191610f4960207fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0601f8401160184610b66565b82523d5f602084013e565b606090565b905f809160208151910182855af1610f6f610efc565b90156105a857805180610f895750503b15155b156105a857565b819250906020918101031261015e57602001518015158114610f82575f80fd5b9073ffffffffffffffffffffffffffffffffffffffff8116610fde57505f80809381935af1610fd6610efc565b50156105a857565b61103b9273ffffffffffffffffffffffffffffffffffffffff604051937fa9059cbb000000000000000000000000000000000000000000000000000000006020860152166024840152604483015260448252610794606483610b66565b565b919060405160208101917f000000000000000000000000000000000000000000000000000000000000000083526110776040830186610c55565b610140820152610140815261108e61016082610b66565b5190207f800000000000000000000000000000000000000000000000000000000000000017916110bd81610bf6565b7bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff6110ef60208501610be1565b169160401b161790815f525f6020528360405f2054036111385761111e604067ffffffffffffffff9201610be1565b169060018201809211610bb4575f525f60205260405f2055565b7fddafad98000000000000000000000000000000000000000000000000000000005f5260045ffd",
}

// Htlc is an auto generated Go binding around an Ethereum contract.
type Htlc struct {
	abi abi.ABI
}

// NewHtlc creates a new instance of Htlc.
func NewHtlc() *Htlc {
	parsed, err := HtlcMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &Htlc{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *Htlc) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackDomain is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xc2fb26a6.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function domain() view returns(bytes32)
func (htlc *Htlc) PackDomain() []byte {
	enc, err := htlc.abi.Pack("domain")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackDomain is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xc2fb26a6.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function domain() view returns(bytes32)
func (htlc *Htlc) TryPackDomain() ([]byte, error) {
	return htlc.abi.Pack("domain")
}

// UnpackDomain is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xc2fb26a6.
//
// Solidity: function domain() view returns(bytes32)
func (htlc *Htlc) UnpackDomain(data []byte) ([32]byte, error) {
	out, err := htlc.abi.Unpack("domain", data)
	if err != nil {
		return *new([32]byte), err
	}
	out0 := *abi.ConvertType(out[0], new([32]byte)).(*[32]byte)
	return out0, nil
}

// PackFund is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x09010850.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function fund(uint64 lane, uint64 sequence, address payee, address refundTo, bytes32 secretHash, uint64 timeLock) payable returns()
func (htlc *Htlc) PackFund(lane uint64, sequence uint64, payee common.Address, refundTo common.Address, secretHash [32]byte, timeLock uint64) []byte {
	enc, err := htlc.abi.Pack("fund", lane, sequence, payee, refundTo, secretHash, timeLock)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackFund is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x09010850.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function fund(uint64 lane, uint64 sequence, address payee, address refundTo, bytes32 secretHash, uint64 timeLock) payable returns()
func (htlc *Htlc) TryPackFund(lane uint64, sequence uint64, payee common.Address, refundTo common.Address, secretHash [32]byte, timeLock uint64) ([]byte, error) {
	return htlc.abi.Pack("fund", lane, sequence, payee, refundTo, secretHash, timeLock)
}

// PackFundMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5f81728c.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function fundMany((uint64,uint64,address,address,uint256,bytes32,uint64)[] fundings) payable returns()
func (htlc *Htlc) PackFundMany(fundings []HtlcFunding) []byte {
	enc, err := htlc.abi.Pack("fundMany", fundings)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackFundMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x5f81728c.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function fundMany((uint64,uint64,address,address,uint256,bytes32,uint64)[] fundings) payable returns()
func (htlc *Htlc) TryPackFundMany(fundings []HtlcFunding) ([]byte, error) {
	return htlc.abi.Pack("fundMany", fundings)
}

// PackFundToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x41b117b5.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function fundToken(uint64 lane, uint64 sequence, address payee, address refundTo, address token, uint256 amount, bytes32 secretHash, uint64 timeLock) returns()
func (htlc *Htlc) PackFundToken(lane uint64, sequence uint64, payee common.Address, refundTo common.Address, token common.Address, amount *big.Int, secretHash [32]byte, timeLock uint64) []byte {
	enc, err := htlc.abi.Pack("fundToken", lane, sequence, payee, refundTo, token, amount, secretHash, timeLock)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackFundToken is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x41b117b5.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function fundToken(uint64 lane, uint64 sequence, address payee, address refundTo, address token, uint256 amount, bytes32 secretHash, uint64 timeLock) returns()
func (htlc *Htlc) TryPackFundToken(lane uint64, sequence uint64, payee common.Address, refundTo common.Address, token common.Address, amount *big.Int, secretHash [32]byte, timeLock uint64) ([]byte, error) {
	return htlc.abi.Pack("fundToken", lane, sequence, payee, refundTo, token, amount, secretHash, timeLock)
}

// PackRedeem is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x95bda842.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function redeem((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secret) returns()
func (htlc *Htlc) PackRedeem(leg HtlcLeg, secret [32]byte) []byte {
	enc, err := htlc.abi.Pack("redeem", leg, secret)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRedeem is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x95bda842.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function redeem((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secret) returns()
func (htlc *Htlc) TryPackRedeem(leg HtlcLeg, secret [32]byte) ([]byte, error) {
	return htlc.abi.Pack("redeem", leg, secret)
}

// PackRedeemMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa8a80c27.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function redeemMany(((address,uint64,uint64,address,address,address,uint256,uint64),bytes32)[] items, uint256 itemGas) returns()
func (htlc *Htlc) PackRedeemMany(items []HtlcRedemption, itemGas *big.Int) []byte {
	enc, err := htlc.abi.Pack("redeemMany", items, itemGas)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRedeemMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa8a80c27.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function redeemMany(((address,uint64,uint64,address,address,address,uint256,uint64),bytes32)[] items, uint256 itemGas) returns()
func (htlc *Htlc) TryPackRedeemMany(items []HtlcRedemption, itemGas *big.Int) ([]byte, error) {
	return htlc.abi.Pack("redeemMany", items, itemGas)
}

// PackRefund is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xcbacdd0e.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function refund((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secretHash) returns()
func (htlc *Htlc) PackRefund(leg HtlcLeg, secretHash [32]byte) []byte {
	enc, err := htlc.abi.Pack("refund", leg, secretHash)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRefund is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xcbacdd0e.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function refund((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secretHash) returns()
func (htlc *Htlc) TryPackRefund(leg HtlcLeg, secretHash [32]byte) ([]byte, error) {
	return htlc.abi.Pack("refund", leg, secretHash)
}

// PackRefundMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7be81223.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function refundMany(((address,uint64,uint64,address,address,address,uint256,uint64),bytes32)[] items, uint256 itemGas) returns()
func (htlc *Htlc) PackRefundMany(items []HtlcReclaim, itemGas *big.Int) []byte {
	enc, err := htlc.abi.Pack("refundMany", items, itemGas)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRefundMany is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7be81223.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function refundMany(((address,uint64,uint64,address,address,address,uint256,uint64),bytes32)[] items, uint256 itemGas) returns()
func (htlc *Htlc) TryPackRefundMany(items []HtlcReclaim, itemGas *big.Int) ([]byte, error) {
	return htlc.abi.Pack("refundMany", items, itemGas)
}

// PackSlot is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xbe1db2bf.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function slot(address funder, uint64 lane) view returns(uint256)
func (htlc *Htlc) PackSlot(funder common.Address, lane uint64) []byte {
	enc, err := htlc.abi.Pack("slot", funder, lane)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSlot is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xbe1db2bf.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function slot(address funder, uint64 lane) view returns(uint256)
func (htlc *Htlc) TryPackSlot(funder common.Address, lane uint64) ([]byte, error) {
	return htlc.abi.Pack("slot", funder, lane)
}

// UnpackSlot is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xbe1db2bf.
//
// Solidity: function slot(address funder, uint64 lane) view returns(uint256)
func (htlc *Htlc) UnpackSlot(data []byte) (*big.Int, error) {
	out, err := htlc.abi.Unpack("slot", data)
	if err != nil {
		return new(big.Int), err
	}
	out0 := abi.ConvertType(out[0], new(big.Int)).(*big.Int)
	return out0, nil
}

// HtlcFunded represents a Funded event raised by the Htlc contract.
type HtlcFunded struct {
	Id  [32]byte
	Raw *types.Log // Blockchain specific contextual infos
}

const HtlcFundedEventName = "Funded"

// ContractEventName returns the user-defined event name.
func (HtlcFunded) ContractEventName() string {
	return HtlcFundedEventName
}

// UnpackFundedEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Funded(bytes32 indexed id)
func (htlc *Htlc) UnpackFundedEvent(log *types.Log) (*HtlcFunded, error) {
	event := "Funded"
	if len(log.Topics) == 0 || log.Topics[0] != htlc.abi.Events[event].ID {
		return nil, errors.New("event signature mismatch")
	}
	out := new(HtlcFunded)
	if len(log.Data) > 0 {
		if err := htlc.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range htlc.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// HtlcRedeemed represents a Redeemed event raised by the Htlc contract.
type HtlcRedeemed struct {
	Id     [32]byte
	Secret [32]byte
	Raw    *types.Log // Blockchain specific contextual infos
}

const HtlcRedeemedEventName = "Redeemed"

// ContractEventName returns the user-defined event name.
func (HtlcRedeemed) ContractEventName() string {
	return HtlcRedeemedEventName
}

// UnpackRedeemedEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Redeemed(bytes32 indexed id, bytes32 secret)
func (htlc *Htlc) UnpackRedeemedEvent(log *types.Log) (*HtlcRedeemed, error) {
	event := "Redeemed"
	if len(log.Topics) == 0 || log.Topics[0] != htlc.abi.Events[event].ID {
		return nil, errors.New("event signature mismatch")
	}
	out := new(HtlcRedeemed)
	if len(log.Data) > 0 {
		if err := htlc.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range htlc.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// HtlcRefunded represents a Refunded event raised by the Htlc contract.
type HtlcRefunded struct {
	Id  [32]byte
	Raw *types.Log // Blockchain specific contextual infos
}

const HtlcRefundedEventName = "Refunded"

// ContractEventName returns the user-defined event name.
func (HtlcRefunded) ContractEventName() string {
	return HtlcRefundedEventName
}

// UnpackRefundedEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Refunded(bytes32 indexed id)
func (htlc *Htlc) UnpackRefundedEvent(log *types.Log) (*HtlcRefunded, error) {
	event := "Refunded"
	if len(log.Topics) == 0 || log.Topics[0] != htlc.abi.Events[event].ID {
		return nil, errors.New("event signature mismatch")
	}
	out := new(HtlcRefunded)
	if len(log.Data) > 0 {
		if err := htlc.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range htlc.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// UnpackError attempts to decode the provided error data using user-defined
// error definitions.
func (htlc *Htlc) UnpackError(raw []byte) (any, error) {
	if bytes.Equal(raw[:4], htlc.abi.Errors["LaneNotFree"].ID.Bytes()[:4]) {
		return htlc.UnpackLaneNotFreeError(raw[4:])
	}
	if bytes.Equal(raw[:4], htlc.abi.Errors["NotOpen"].ID.Bytes()[:4]) {
		return htlc.UnpackNotOpenError(raw[4:])
	}
	if bytes.Equal(raw[:4], htlc.abi.Errors["PaymentFailed"].ID.Bytes()[:4]) {
		return htlc.UnpackPaymentFailedError(raw[4:])
	}
	if bytes.Equal(raw[:4], htlc.abi.Errors["Reentered"].ID.Bytes()[:4]) {
		return htlc.UnpackReenteredError(raw[4:])
	}
	if bytes.Equal(raw[:4], htlc.abi.Errors["TimeLocked"].ID.Bytes()[:4]) {
		return htlc.UnpackTimeLockedError(raw[4:])
	}
	if bytes.Equal(raw[:4], htlc.abi.Errors["WrongAmountReceived"].ID.Bytes()[:4]) {
		return htlc.UnpackWrongAmountReceivedError(raw[4:])
	}
	return nil, errors.New("Unknown error")
}

// HtlcLaneNotFree represents a LaneNotFree error raised by the Htlc contract.
type HtlcLaneNotFree struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error LaneNotFree()
func HtlcLaneNotFreeErrorID() common.Hash {
	return common.HexToHash("0x6bbdc46d2d53ddbca6f3f2a19261b2888dd9bdde66749c5246754e4293fedf3a")
}

// UnpackLaneNotFreeError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error LaneNotFree()
func (htlc *Htlc) UnpackLaneNotFreeError(raw []byte) (*HtlcLaneNotFree, error) {
	out := new(HtlcLaneNotFree)
	if err := htlc.abi.UnpackIntoInterface(out, "LaneNotFree", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// HtlcNotOpen represents a NotOpen error raised by the Htlc contract.
type HtlcNotOpen struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error NotOpen()
func HtlcNotOpenErrorID() common.Hash {
	return common.HexToHash("0xddafad98957e3330f4cfa14cb453d4f55c78b759d3c470492e4866db3bf3857e")
}

// UnpackNotOpenError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error NotOpen()
func (htlc *Htlc) UnpackNotOpenError(raw []byte) (*HtlcNotOpen, error) {
	out := new(HtlcNotOpen)
	if err := htlc.abi.UnpackIntoInterface(out, "NotOpen", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// HtlcPaymentFailed represents a PaymentFailed error raised by the Htlc contract.
type HtlcPaymentFailed struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error PaymentFailed()
func HtlcPaymentFailedErrorID() common.Hash {
	return common.HexToHash("0xf499da2002a42cc0e682f3cac7e9b85f1bca52c33814755c09d207fd799b718c")
}

// UnpackPaymentFailedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error PaymentFailed()
func (htlc *Htlc) UnpackPaymentFailedError(raw []byte) (*HtlcPaymentFailed, error) {
	out := new(HtlcPaymentFailed)
	if err := htlc.abi.UnpackIntoInterface(out, "PaymentFailed", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// HtlcReentered represents a Reentered error raised by the Htlc contract.
type HtlcReentered struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Reentered()
func HtlcReenteredErrorID() common.Hash {
	return common.HexToHash("0xb5dfd9e53a10d4d747ca3de749b98baf23546e800cbacdb1dbc28233e586d1ee")
}

// UnpackReenteredError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Reentered()
func (htlc *Htlc) UnpackReenteredError(raw []byte) (*HtlcReentered, error) {
	out := new(HtlcReentered)
	if err := htlc.abi.UnpackIntoInterface(out, "Reentered", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// HtlcTimeLocked represents a TimeLocked error raised by the Htlc contract.
type HtlcTimeLocked struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error TimeLocked()
func HtlcTimeLockedErrorID() common.Hash {
	return common.HexToHash("0x56f3855798b0acbf8e74a3ba292bb801c0603a00c07a6d0328e5f06381fb49ce")
}

// UnpackTimeLockedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error TimeLocked()
func (htlc *Htlc) UnpackTimeLockedError(raw []byte) (*HtlcTimeLocked, error) {
	out := new(HtlcTimeLocked)
	if err := htlc.abi.UnpackIntoInterface(out, "TimeLocked", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// HtlcWrongAmountReceived represents a WrongAmountReceived error raised by the Htlc contract.
type HtlcWrongAmountReceived struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error WrongAmountReceived()
func HtlcWrongAmountReceivedErrorID() common.Hash {
	return common.HexToHash("0x6d799c4a4dfb5f99c0a461b357c2673528c3d00d8db04d979d4be60ec9b7f414")
}

// UnpackWrongAmountReceivedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error WrongAmountReceived()
func (htlc *Htlc) UnpackWrongAmountReceivedError(raw []byte) (*HtlcWrongAmountReceived, error) {
	out := new(HtlcWrongAmountReceived)
	if err := htlc.abi.UnpackIntoInterface(out, "WrongAmountReceived", raw); err != nil {
		return nil, err
	}
	return out, nil
}
