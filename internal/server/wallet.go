package server

import (
	"context"
	"slices"
	"strings"

	"github.com/kofo-network/kofo/adapters"
	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
)

// walletService answers WalletService.
type walletService struct {
	kofov1.UnimplementedWalletServiceServer
	s *Server
}

// chosen are the chains that a request means: one, or all.
func (s *Server) chosen(id string) ([]Chain, error) {
	if id == "" {
		return s.o.Chains, nil
	}
	c, ok := s.chains[htlc.ChainID(id)]
	if !ok {
		return nil, refuse(reason.ForeignChain, map[string]string{reason.KeyChain: id}, "this node does not serve chain %s", id)
	}
	return []Chain{c}, nil
}

func (w walletService) Addresses(ctx context.Context, req *kofov1.AddressesRequest) (*kofov1.AddressesResponse, error) {
	chains, err := w.s.chosen(req.GetChain())
	if err != nil {
		return nil, err
	}
	out := &kofov1.AddressesResponse{}
	for _, c := range chains {
		address, err := c.Purse.Address(ctx, w.s.feeCoin(c.ID))
		if err != nil {
			return nil, err
		}
		out.Addresses = append(out.Addresses, &kofov1.Address{Chain: string(c.ID), Address: address, Account: account(c.ID, address)})
	}
	return out, nil
}

// account is the CAIP-10 id of an address.
func account(chain htlc.ChainID, address string) string {
	if chain.Namespace() == "eip155" {
		address = strings.ToLower(address)
	}
	return string(chain) + ":" + address
}

func (w walletService) Balances(ctx context.Context, req *kofov1.BalancesRequest) (*kofov1.BalancesResponse, error) {
	chains, err := w.s.chosen(req.GetChain())
	if err != nil {
		return nil, err
	}
	locked := w.locked()
	out := &kofov1.BalancesResponse{}
	for _, c := range chains {
		balances, err := c.Purse.Balances(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range balances {
			asset := w.s.assets[b.Asset]
			out.Balances = append(out.Balances, &kofov1.Balance{
				Asset: string(b.Asset), Symbol: asset.Symbol, Decimals: asset.Decimals,
				Spendable: b.Spendable.String(), Reserved: b.Reserved.String(), Pending: b.Pending.String(), Locked: locked[b.Asset].String(),
			})
		}
	}
	return out, nil
}

// locked sums what is in contracts of open swaps.
func (w walletService) locked() map[htlc.AssetID]htlc.Amount {
	out := map[htlc.AssetID]htlc.Amount{}
	for _, swap := range w.s.o.Engine.Open() {
		if !swap.Announced || !swap.Legs[swap.Out()].Status.Locked() {
			continue
		}
		leg := swap.Terms.Legs[swap.Out()]
		if sum, err := out[leg.Asset].Add(leg.Amount); err == nil {
			out[leg.Asset] = sum
		}
	}
	return out
}

var movementKinds = map[MovementKind]kofov1.WalletTxKind{
	Deposit:   kofov1.WalletTxKind_WALLET_TX_KIND_DEPOSIT,
	Withdrawn: kofov1.WalletTxKind_WALLET_TX_KIND_WITHDRAWAL,
	Split:     kofov1.WalletTxKind_WALLET_TX_KIND_SPLIT,
	Funded:    kofov1.WalletTxKind_WALLET_TX_KIND_FUND,
	Redeemed:  kofov1.WalletTxKind_WALLET_TX_KIND_REDEEM,
	Refunded:  kofov1.WalletTxKind_WALLET_TX_KIND_REFUND,
	Abandoned: kofov1.WalletTxKind_WALLET_TX_KIND_ABANDON, Consented: kofov1.WalletTxKind_WALLET_TX_KIND_CONSENT,
}

func (w walletService) Transactions(ctx context.Context, req *kofov1.TransactionsRequest) (*kofov1.TransactionsResponse, error) {
	if _, err := w.s.chosen(req.GetChain()); err != nil {
		return nil, err
	}
	moves, next, err := w.s.o.Payments.Activity(ctx, htlc.ChainID(req.GetChain()), req.GetPage().GetToken(), pageSize(req.GetPage()))
	if err != nil {
		return nil, err
	}
	out := &kofov1.TransactionsResponse{NextPageToken: next}
	for _, m := range moves {
		m.Confirmations = max(m.Confirmations, w.s.depth(m))
		tx := &kofov1.WalletTx{
			Chain: string(m.Chain), Txid: m.TxID, Kind: movementKinds[m.Kind], Amount: amount(m.Asset, m.Amount),
			To: m.To, Parts: uint32(m.Parts), Height: m.Height, Confirmations: m.Confirmations, Failed: m.Failed, Time: stamp(m.Time),
		}
		if m.FeeAsset != "" {
			fee, final := w.s.fees.mined(ctx, m.Chain, m.TxID, m.Fee, m.Confirmations >= uint64(w.s.chains[m.Chain].MinConfirmations))
			if m.Height == 0 {
				fee, final = m.Fee, false // a fee is not paid yet, even where it is fixed
			}
			tx.Fee, tx.FeeFinal = amount(m.FeeAsset, fee), final
		}
		if m.Swap != (htlc.SwapID{}) {
			tx.SwapId = m.Swap.String()
		}
		out.Transactions = append(out.Transactions, tx)
	}
	return out, nil
}

// depth counts a movement's confirmations up to the chain's tip. A closed swap
// is told of no more blocks, so what it knows stands still.
func (s *Server) depth(m Movement) uint64 {
	tip, ok := s.tip(m.Chain)
	if !ok || m.Failed || m.Height == 0 || tip.Height < m.Height {
		return 0
	}
	return tip.Height - m.Height + 1
}

func (w walletService) Withdraw(ctx context.Context, req *kofov1.WithdrawRequest) (*kofov1.WithdrawResponse, error) {
	moved, err := parseAmount(req.GetAmount())
	if err != nil {
		return nil, err
	}
	chain := moved.Asset.Chain()
	if _, known := w.s.assets[moved.Asset]; !known {
		return nil, refuse(reason.UnknownAsset, map[string]string{reason.KeyAsset: string(moved.Asset)}, "this node does not list %s", moved.Asset)
	}
	if moved.Amount.IsZero() {
		return nil, refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "amount"}, "the amount is zero")
	}
	if err := w.s.payoutAllowed(ctx, chain, req.GetTo()); err != nil {
		return nil, err
	}
	withdrawal := adapters.Withdrawal{
		RequestID: callerOf(ctx).ID + "/" + req.GetRequestId(), Asset: moved.Asset, To: req.GetTo(), Amount: moved.Amount,
	}
	if req.GetMaxFee() != "" {
		if withdrawal.MaxFee, err = htlc.ParseAmount(req.GetMaxFee()); err != nil {
			return nil, err
		}
	}
	var tx adapters.Tx
	err = w.s.counted(ctx, "withdraw/"+req.GetRequestId(), moved, func() (err error) {
		tx, err = w.s.o.Payments.Withdraw(ctx, withdrawal)
		return about(err, map[string]string{
			reason.KeyAsset: string(moved.Asset), reason.KeyAmount: moved.Amount.String(), reason.KeyChain: string(chain),
		})
	}, mayHaveMoved)
	if err != nil {
		return nil, err
	}
	return &kofov1.WithdrawResponse{Txid: tx.ID, Fee: amount(w.s.feeCoin(chain), tx.Fee)}, nil
}

// payoutAllowed checks the payout lists of the node and of the caller's token.
func (s *Server) payoutAllowed(ctx context.Context, chain htlc.ChainID, to string) error {
	if err := s.o.Payouts.Allowed(ctx, chain, to); err != nil {
		return err
	}
	list := callerOf(ctx).Payouts
	if len(list) == 0 {
		return nil
	}
	if slices.ContainsFunc(list, func(allowed string) bool { return samePayout(chain, allowed, to) }) {
		return nil
	}
	return refuse(reason.PayoutNotAllowed, map[string]string{reason.KeyChain: string(chain)}, "%s is not on the token's payout list", to)
}

// samePayout compares addresses: those of EVM chains have no case that counts.
func samePayout(chain htlc.ChainID, allowed, to string) bool {
	if chain.Namespace() == "eip155" {
		return strings.EqualFold(allowed, string(chain)+":"+to)
	}
	return allowed == string(chain)+":"+to
}
