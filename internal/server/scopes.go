package server

import (
	"slices"

	"google.golang.org/grpc/health/grpc_health_v1"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
)

// Names of scopes as the store keeps them.
const (
	scopeRead     = "read"
	scopeQuote    = "quote"
	scopeTrade    = "trade"
	scopeRefund   = "refund"
	scopeWithdraw = "withdraw"
	scopeAdmin    = "admin"
	// scopeNone is that of calls which need no token.
	scopeNone = ""
)

// call is what the interceptors know of a method.
type call struct {
	scope    string
	or       string // another scope that is enough; none where empty
	mutating bool
}

// calls lists every method that is served. What does not stand here is refused.
var calls = map[string]call{
	kofov1.SettlementService_Quote_FullMethodName:       {scope: scopeQuote},
	kofov1.SettlementService_Inspect_FullMethodName:     {scope: scopeQuote},
	kofov1.SettlementService_Offer_FullMethodName:       {scope: scopeTrade, mutating: true},
	kofov1.SettlementService_Accept_FullMethodName:      {scope: scopeTrade, mutating: true},
	kofov1.SettlementService_Countersign_FullMethodName: {scope: scopeTrade, mutating: true},
	kofov1.SettlementService_Complete_FullMethodName:    {scope: scopeTrade, mutating: true},
	kofov1.SettlementService_Cancel_FullMethodName:      {scope: scopeTrade, mutating: true},
	kofov1.SettlementService_Refund_FullMethodName:      {scope: scopeRefund, mutating: true},
	kofov1.SettlementService_RaiseBudget_FullMethodName: {scope: scopeRefund, or: scopeTrade, mutating: true},
	kofov1.SettlementService_Get_FullMethodName:         {scope: scopeRead},
	kofov1.SettlementService_List_FullMethodName:        {scope: scopeRead},
	kofov1.SettlementService_History_FullMethodName:     {scope: scopeRead},
	kofov1.SettlementService_Export_FullMethodName:      {scope: scopeRead},
	kofov1.SettlementService_Statistics_FullMethodName:  {scope: scopeRead},
	kofov1.SettlementService_Watch_FullMethodName:       {scope: scopeRead},
	kofov1.WalletService_Addresses_FullMethodName:       {scope: scopeRead},
	kofov1.WalletService_Balances_FullMethodName:        {scope: scopeRead},
	kofov1.WalletService_Transactions_FullMethodName:    {scope: scopeRead},
	kofov1.WalletService_Withdraw_FullMethodName:        {scope: scopeWithdraw, mutating: true},
	kofov1.WalletService_Split_FullMethodName:           {scope: scopeWithdraw, mutating: true},
	kofov1.WalletService_ListPayouts_FullMethodName:     {scope: scopeRead},
	kofov1.WalletService_AddPayout_FullMethodName:       {scope: scopeAdmin, mutating: true},
	kofov1.WalletService_RemovePayout_FullMethodName:    {scope: scopeAdmin, mutating: true},
	kofov1.ChainService_ListChains_FullMethodName:       {scope: scopeRead},
	kofov1.ChainService_GetChain_FullMethodName:         {scope: scopeRead},
	kofov1.ChainService_Resume_FullMethodName:           {scope: scopeAdmin, mutating: true},
	kofov1.NodeService_Info_FullMethodName:              {scope: scopeRead},
	kofov1.NodeService_Doctor_FullMethodName:            {scope: scopeRead},
	kofov1.NodeService_Shutdown_FullMethodName:          {scope: scopeAdmin, mutating: true},
	kofov1.TokenService_CreateToken_FullMethodName:      {scope: scopeAdmin, mutating: true},
	kofov1.TokenService_ListTokens_FullMethodName:       {scope: scopeAdmin},
	kofov1.TokenService_RevokeToken_FullMethodName:      {scope: scopeAdmin, mutating: true},
	kofov1.TowerService_ListTowers_FullMethodName:       {scope: scopeRead},
	kofov1.TowerService_ShowGuards_FullMethodName:       {scope: scopeRead},

	// What a client needs before it has a token: whether the node answers, and
	// the shape of the API, which is public.
	grpc_health_v1.Health_Check_FullMethodName:                       {scope: scopeNone},
	grpc_health_v1.Health_List_FullMethodName:                        {scope: scopeNone},
	grpc_health_v1.Health_Watch_FullMethodName:                       {scope: scopeNone},
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {scope: scopeNone},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {scope: scopeNone},
}

// allows reports whether a token's scopes allow a call: admin contains all but
// withdraw, no other contains another.
func allows(scopes []string, needed string) bool {
	return needed == scopeNone || slices.Contains(scopes, needed) ||
		needed != scopeWithdraw && slices.Contains(scopes, scopeAdmin)
}
