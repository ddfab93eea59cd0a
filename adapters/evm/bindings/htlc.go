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
	ABI: "[{\"inputs\":[],\"name\":\"LaneNotFree\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"NoConsent\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"NotOpen\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"PaymentFailed\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"Reentered\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"TimeLocked\",\"type\":\"error\"},{\"inputs\":[],\"name\":\"WrongAmountReceived\",\"type\":\"error\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"}],\"name\":\"ClosedByConsent\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"}],\"name\":\"Funded\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"name\":\"Redeemed\",\"type\":\"event\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"id\",\"type\":\"bytes32\"}],\"name\":\"Refunded\",\"type\":\"event\"},{\"inputs\":[],\"name\":\"domain\",\"outputs\":[{\"internalType\":\"bytes32\",\"name\":\"\",\"type\":\"bytes32\"}],\"stateMutability\":\"view\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"name\":\"fund\",\"outputs\":[],\"stateMutability\":\"payable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Funding[]\",\"name\":\"fundings\",\"type\":\"tuple[]\"}],\"name\":\"fundMany\",\"outputs\":[],\"stateMutability\":\"payable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"name\":\"fundToken\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"name\":\"redeem\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secret\",\"type\":\"bytes32\"}],\"internalType\":\"structHtlc.Redemption[]\",\"name\":\"items\",\"type\":\"tuple[]\"},{\"internalType\":\"uint256\",\"name\":\"itemGas\",\"type\":\"uint256\"}],\"name\":\"redeemMany\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"}],\"name\":\"refund\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint8\",\"name\":\"v\",\"type\":\"uint8\"},{\"internalType\":\"bytes32\",\"name\":\"r\",\"type\":\"bytes32\"},{\"internalType\":\"bytes32\",\"name\":\"s\",\"type\":\"bytes32\"}],\"name\":\"refundByConsent\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"components\":[{\"components\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"sequence\",\"type\":\"uint64\"},{\"internalType\":\"address\",\"name\":\"payee\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"refundTo\",\"type\":\"address\"},{\"internalType\":\"address\",\"name\":\"token\",\"type\":\"address\"},{\"internalType\":\"uint256\",\"name\":\"amount\",\"type\":\"uint256\"},{\"internalType\":\"uint64\",\"name\":\"timeLock\",\"type\":\"uint64\"}],\"internalType\":\"structHtlc.Leg\",\"name\":\"leg\",\"type\":\"tuple\"},{\"internalType\":\"bytes32\",\"name\":\"secretHash\",\"type\":\"bytes32\"}],\"internalType\":\"structHtlc.Reclaim[]\",\"name\":\"items\",\"type\":\"tuple[]\"},{\"internalType\":\"uint256\",\"name\":\"itemGas\",\"type\":\"uint256\"}],\"name\":\"refundMany\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"funder\",\"type\":\"address\"},{\"internalType\":\"uint64\",\"name\":\"lane\",\"type\":\"uint64\"}],\"name\":\"slot\",\"outputs\":[{\"internalType\":\"uint256\",\"name\":\"\",\"type\":\"uint256\"}],\"stateMutability\":\"view\",\"type\":\"function\"}]",
	ID:  "Htlc",
	Bin: "0x60a0346100e757602081017f8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f81527f23c7ac0da6f250bdd95f19baf725c0bd7e97e87b11aa6bdf140b8cc17fa607f360408301527fc89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc660608301524660808301523060a083015260a0825260c082019180831060018060401b038411176100d3578260405251902060805261173590816100ec823960805181818161019f01528181610b75015281816112c701526116770152f35b634e487b7160e01b5f52604160045260245ffd5b5f80fdfe60806040526004361015610011575f80fd5b5f3560e01c806302639dbf14610aa357806309010850146109d357806341b117b5146106b35780635f81728c1461050c5780637be812231461047257806395bda842146103dc578063a8a80c271461025b578063be1db2bf146101c2578063c2fb26a61461016a5763cbacdd0e14610087575f80fd5b346101665761009536610e7e565b9067ffffffffffffffff6100ab60e08301610fba565b16421061013e576100bf61012d9282611117565b7ffe509803c09416b28ff3d8f690c8b0c61462a892c46d5430c8fb20abe472daf05f80a26080810173ffffffffffffffffffffffffffffffffffffffff61010582610f8c565b1661012f575061011481610f8c565b905b60c061012460a08301610f8c565b91013591611187565b005b61013890610f8c565b90610116565b7f56f38557000000000000000000000000000000000000000000000000000000005f5260045ffd5b5f80fd5b34610166575f7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3601126101665760206040517f00000000000000000000000000000000000000000000000000000000000000008152f35b346101665760407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3601126101665760043573ffffffffffffffffffffffffffffffffffffffff81168103610166577bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff61023f610d74565b169160401b16175f525f602052602060405f2054604051908152f35b346101665761026936610e07565b90610273816110ff565b906102816040519283610f05565b8082527fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe06102ae826110ff565b013660208401375f5b8181106102c057005b8373ffffffffffffffffffffffffffffffffffffffff6102ec60a06102e685878b610fcf565b01610f8c565b16610305576102fd91848488611444565b935b936102b7565b50610311818387610fcf565b61010061031f838589610fcf565b013590303b1561016657610363915f9160405193849283927f95bda8420000000000000000000000000000000000000000000000000000000084526004840161100d565b038183308af16103cc575b507fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff811461039f57600101936102ff565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b5f6103d691610f05565b8561036e565b34610166576103ea36610e7e565b9060205f60405182810190858252838152610406604082610f05565b604051918291518091835e8101838152039060025afa156104675761012d917f489e9ee921192823d1aa1ef800c9ffc642993538b1e7e43a4d46a91965e894ab60206104535f5185611117565b92604051908152a261011460608201610f8c565b6040513d5f823e3d90fd5b346101665761048036610e07565b5f5b82811061048b57005b610496818486610fcf565b906101006104a5828688610fcf565b0135303b15610166575f6104ea9160019460405193849283927fcbacdd0e0000000000000000000000000000000000000000000000000000000084526004840161100d565b0381833089f16104fc575b5001610482565b5f61050691610f05565b856104f5565b60207ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3601126101665760043567ffffffffffffffff8111610166573660238201121561016657806004013567ffffffffffffffff81116101665736602460e08302840101116101665734915f5b8281101561066b5760e08102820160a481013590858211610661578060c46105a7602461063d9401610fba565b9167ffffffffffffffff6105bd60448301610fba565b73ffffffffffffffffffffffffffffffffffffffff6105de60648501610f8c565b816105eb60848701610f8c565b91856105f960e48901610fba565b95816040519b6106088d610ebb565b338d521660208c01521660408a01521660608801521660808601525f60a08601528660c08601521660e084015201359061121b565b61064d575b506001905b0161057a565b61065a9060019295610fad565b9390610642565b5050600190610647565b838061067357005b5f80808093335af161068361112a565b501561068b57005b7ff499da20000000000000000000000000000000000000000000000000000000005f5260045ffd5b34610166576101007ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc360112610166576106eb610d5d565b6106f3610d74565b6106fb610da0565b91610704610dc3565b916084359173ffffffffffffffffffffffffffffffffffffffff8316938484036101665760a4359560e4359167ffffffffffffffff83168093036101665760ff5f5c166109ab5773ffffffffffffffffffffffffffffffffffffffff809267ffffffffffffffff6107db9760017fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff005f5c16175f5d81604051986107a68a610ebb565b338a521660208901521660408701521660608501521660808301528460a08301528560c083015260e082015260c4359061121b565b1561098357604051907f70a08231000000000000000000000000000000000000000000000000000000008252306004830152602082602481865afa918215610467575f9261094e575b5060249261087c602092604051907f23b872dd0000000000000000000000000000000000000000000000000000000085830152338783015230604483015287606483015260648252610877608483610f05565b6113e0565b604051938480927f70a082310000000000000000000000000000000000000000000000000000000082523060048301525afa8015610467575f9061091a575b6108c59250610fad565b036108f2577fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff005f5c165f5d005b7f6d799c4a000000000000000000000000000000000000000000000000000000005f5260045ffd5b506020823d602011610946575b8161093460209383610f05565b81010312610166576108c591516108bb565b3d9150610927565b9091506020813d60201161097b575b8161096a60209383610f05565b810103126101665751906024610824565b3d915061095d565b7f6bbdc46d000000000000000000000000000000000000000000000000000000005f5260045ffd5b7fb5dfd9e5000000000000000000000000000000000000000000000000000000005f5260045ffd5b60c07ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc36011261016657610a05610d5d565b610a0d610d74565b90610a16610da0565b610a1e610dc3565b9060a4359167ffffffffffffffff83168093036101665773ffffffffffffffffffffffffffffffffffffffff809267ffffffffffffffff610a9c978160405198610a678a610ebb565b338a521660208901521660408701521660608501521660808301525f60a08301523460c083015260e08201526084359061121b565b1561098357005b34610166577ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc360161018081126101665761010013610166576101243560ff8116809103610166576101643590610afe61010435600461164a565b918215610d355760405160208101907ffcffa8a25cb6276f6a8a09118fb7ff7684ea8b40c58ca4cc33edae2113697c7c825284604082015260408152610b45606082610f05565b51902060405160208101917f190100000000000000000000000000000000000000000000000000000000000083527f00000000000000000000000000000000000000000000000000000000000000006022830152604282015260428152610bad606282610f05565b5190209073ffffffffffffffffffffffffffffffffffffffff610bce610f46565b1615928315610d0b575b8315610cb0575b505050610c88577f2a45640efebeabaa8717efa2157a43bf33c8eaa350be42f48347b6594a280fc15f80a273ffffffffffffffffffffffffffffffffffffffff610c27610f69565b16610c7b5760043573ffffffffffffffffffffffffffffffffffffffff81168103610166575b60a4359073ffffffffffffffffffffffffffffffffffffffff821682036101665761012d9160c43591611187565b610c83610f69565b610c4d565b7feba82028000000000000000000000000000000000000000000000000000000005f5260045ffd5b60209350916080915f9360405192835285830152610144356040830152606082015282805260015afa15610467575f5173ffffffffffffffffffffffffffffffffffffffff80610cfe610f46565b1691161415828080610bdf565b7f7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a082119350610bd8565b7fddafad98000000000000000000000000000000000000000000000000000000005f5260045ffd5b6004359067ffffffffffffffff8216820361016657565b6024359067ffffffffffffffff8216820361016657565b359067ffffffffffffffff8216820361016657565b6044359073ffffffffffffffffffffffffffffffffffffffff8216820361016657565b6064359073ffffffffffffffffffffffffffffffffffffffff8216820361016657565b359073ffffffffffffffffffffffffffffffffffffffff8216820361016657565b9060407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc8301126101665760043567ffffffffffffffff81116101665760040182601f820112156101665780359267ffffffffffffffff841161016657602080830192610120860201011161016657919060243590565b7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc0161012081126101665761010013610166576004906101043590565b610100810190811067ffffffffffffffff821117610ed857604052565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52604160045260245ffd5b90601f7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0910116810190811067ffffffffffffffff821117610ed857604052565b60643573ffffffffffffffffffffffffffffffffffffffff811681036101665790565b60843573ffffffffffffffffffffffffffffffffffffffff811681036101665790565b3573ffffffffffffffffffffffffffffffffffffffff811681036101665790565b9190820391821161039f57565b3567ffffffffffffffff811681036101665790565b9190811015610fe057610120020190565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd5b610100909392919367ffffffffffffffff6110f560e061012084019773ffffffffffffffffffffffffffffffffffffffff61104782610de6565b1685528361105760208301610d8b565b1660208601528361106a60408301610d8b565b16604086015273ffffffffffffffffffffffffffffffffffffffff61109160608301610de6565b16606086015273ffffffffffffffffffffffffffffffffffffffff6110b860808301610de6565b16608086015273ffffffffffffffffffffffffffffffffffffffff6110df60a08301610de6565b1660a086015260c081013560c086015201610d8b565b1660e08201520152565b67ffffffffffffffff8111610ed85760051b60200190565b906111219161164a565b908115610d3557565b3d15611182573d9067ffffffffffffffff8211610ed8576040519161117760207fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0601f8401160184610f05565b82523d5f602084013e565b606090565b9073ffffffffffffffffffffffffffffffffffffffff81166111bc57505f80809381935af16111b461112a565b501561068b57565b6112199273ffffffffffffffffffffffffffffffffffffffff604051937fa9059cbb000000000000000000000000000000000000000000000000000000006020860152166024840152604483015260448252610877606483610f05565b565b73ffffffffffffffffffffffffffffffffffffffff81511660208201907bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff80845116169160401b161792835f525f60205260405f205490604084019167ffffffffffffffff835116036113d75767ffffffffffffffff60e07f80000000000000000000000000000000000000000000000000000000000000009582604051958160208801987f00000000000000000000000000000000000000000000000000000000000000008a5273ffffffffffffffffffffffffffffffffffffffff85511660408a0152511660608801525116608086015273ffffffffffffffffffffffffffffffffffffffff60608201511660a086015273ffffffffffffffffffffffffffffffffffffffff60808201511660c086015273ffffffffffffffffffffffffffffffffffffffff60a0820151168286015260c0810151610100860152015116610120830152610140820152610140815261139d61016082610f05565b51902017905f525f6020528060405f20557f62b074648dd932d8b56dbf1b320b53a56881e960cd4448e11e3f7db0069efc4b5f80a2600190565b50505050505f90565b905f809160208151910182855af16113f661112a565b901561068b578051806114105750503b15155b1561068b57565b819250906020918101031261016657602001518015158114611409575f80fd5b8051821015610fe05760209160051b010190565b93909492919461145a60606102e6858489610fcf565b945f935f96819460015b156114f3575b5f95611477818787610fcf565b60205f604051828101906101008501358252838152611497604082610f05565b604051918291518091835e8101838152039060025afa15610467576114bd5f518261164a565b8c816114d0575b50505060010195611464565b8360c0949d506114e2919b959b611430565b520135019560018099905f8c6114c4565b84861080611619575b806115ec575b61146a579091939497959295156115e1575f809381938293f1905b85811061152d5750505050909150565b8061153a60019289611430565b5180156115db5761154c828688610fcf565b84156115895760207f489e9ee921192823d1aa1ef800c9ffc642993538b1e7e43a4d46a91965e894ab916101006040519101358152a25b0161151d565b7bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff6115c460206115bd85610f8c565b9401610fba565b169160401b16175f525f60205260405f2055611583565b50611583565b505050505050915090565b5073ffffffffffffffffffffffffffffffffffffffff61161260a06102e6898989610fcf565b1615611502565b5061162a60606102e6888888610fcf565b73ffffffffffffffffffffffffffffffffffffffff8084169116146114fc565b91906101407f800000000000000000000000000000000000000000000000000000000000000091604051907f000000000000000000000000000000000000000000000000000000000000000082526101008660208401376101208201522017916116b381610f8c565b7bffffffffffffffffffffffffffffffffffffffff000000000000000067ffffffffffffffff6116e560208501610fba565b169160401b161790815f525f6020528360405f20540361172e57611714604067ffffffffffffffff9201610fba565b16906001820180921161039f575f525f60205260405f2055565b505f92505056",
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

// PackRefundByConsent is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x02639dbf.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function refundByConsent((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secretHash, uint8 v, bytes32 r, bytes32 s) returns()
func (htlc *Htlc) PackRefundByConsent(leg HtlcLeg, secretHash [32]byte, v uint8, r [32]byte, s [32]byte) []byte {
	enc, err := htlc.abi.Pack("refundByConsent", leg, secretHash, v, r, s)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRefundByConsent is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x02639dbf.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function refundByConsent((address,uint64,uint64,address,address,address,uint256,uint64) leg, bytes32 secretHash, uint8 v, bytes32 r, bytes32 s) returns()
func (htlc *Htlc) TryPackRefundByConsent(leg HtlcLeg, secretHash [32]byte, v uint8, r [32]byte, s [32]byte) ([]byte, error) {
	return htlc.abi.Pack("refundByConsent", leg, secretHash, v, r, s)
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

// HtlcClosedByConsent represents a ClosedByConsent event raised by the Htlc contract.
type HtlcClosedByConsent struct {
	Id  [32]byte
	Raw *types.Log // Blockchain specific contextual infos
}

const HtlcClosedByConsentEventName = "ClosedByConsent"

// ContractEventName returns the user-defined event name.
func (HtlcClosedByConsent) ContractEventName() string {
	return HtlcClosedByConsentEventName
}

// UnpackClosedByConsentEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event ClosedByConsent(bytes32 indexed id)
func (htlc *Htlc) UnpackClosedByConsentEvent(log *types.Log) (*HtlcClosedByConsent, error) {
	event := "ClosedByConsent"
	if len(log.Topics) == 0 || log.Topics[0] != htlc.abi.Events[event].ID {
		return nil, errors.New("event signature mismatch")
	}
	out := new(HtlcClosedByConsent)
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
	if bytes.Equal(raw[:4], htlc.abi.Errors["NoConsent"].ID.Bytes()[:4]) {
		return htlc.UnpackNoConsentError(raw[4:])
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

// HtlcNoConsent represents a NoConsent error raised by the Htlc contract.
type HtlcNoConsent struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error NoConsent()
func HtlcNoConsentErrorID() common.Hash {
	return common.HexToHash("0xeba820288326bf552e55a2bae337d00e1a09030721e65ad41b74f0cd93cdf24a")
}

// UnpackNoConsentError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error NoConsent()
func (htlc *Htlc) UnpackNoConsentError(raw []byte) (*HtlcNoConsent, error) {
	out := new(HtlcNoConsent)
	if err := htlc.abi.UnpackIntoInterface(out, "NoConsent", raw); err != nil {
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
