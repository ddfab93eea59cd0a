package tower

import "context"

// Pass is one look at every swap.
func (g *Guard) Pass(ctx context.Context) bool { return g.pass(ctx) }
