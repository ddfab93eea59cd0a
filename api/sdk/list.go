package sdk

import (
	"context"
	"iter"
)

// pageSize is what one call of the iterators below asks for.
const pageSize = 200

// AllSwaps yields every swap and offer in the given phases (all where none is
// given), the newest first. An error comes last.
func (c *Client) AllSwaps(ctx context.Context, phases ...Phase) iter.Seq2[*Swap, error] {
	return pages(func(page *Page) ([]*Swap, string, error) {
		answer, err := c.Settlement.List(ctx, &ListRequest{Page: page, Phases: phases})
		return answer.GetSwaps(), answer.GetNextPageToken(), err
	})
}

// AllHistory yields everything that happened to a swap, the oldest first. An
// error comes last.
func (c *Client) AllHistory(ctx context.Context, id string) iter.Seq2[*HistoryEntry, error] {
	return pages(func(page *Page) ([]*HistoryEntry, string, error) {
		answer, err := c.Settlement.History(ctx, &HistoryRequest{Id: id, Page: page})
		return answer.GetEntries(), answer.GetNextPageToken(), err
	})
}

// AllTransactions yields the wallet's transactions of a chain (of all where
// empty), the newest first. An error comes last.
func (c *Client) AllTransactions(ctx context.Context, chain string) iter.Seq2[*WalletTx, error] {
	return pages(func(page *Page) ([]*WalletTx, string, error) {
		answer, err := c.Wallet.Transactions(ctx, &TransactionsRequest{Page: page, Chain: chain})
		return answer.GetTransactions(), answer.GetNextPageToken(), err
	})
}

// AllTokens yields every token, the newest first. An error comes last.
func (c *Client) AllTokens(ctx context.Context) iter.Seq2[*TokenInfo, error] {
	return pages(func(page *Page) ([]*TokenInfo, string, error) {
		answer, err := c.Tokens.ListTokens(ctx, &ListTokensRequest{Page: page})
		return answer.GetTokens(), answer.GetNextPageToken(), err
	})
}

func pages[T any](fetch func(*Page) ([]*T, string, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for page := (&Page{Size: pageSize}); ; {
			items, next, err := fetch(page)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			page = &Page{Size: pageSize, Token: next}
		}
	}
}
