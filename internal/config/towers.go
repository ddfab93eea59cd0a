package config

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Names of the roles.
const (
	RoleAll   = "all"
	RoleTower = "tower"
)

// IsTower reports whether this process is a watchtower.
func (c Config) IsTower() bool { return slices.Equal(c.Roles, []string{RoleTower}) }

// Towers are the watchtowers that guard this node's swaps.
type Towers struct {
	Required int          `koanf:"required" doc:"How many towers must have acknowledged what they need of a swap before this node locks anything in it"`
	List     []TowerPlace `koanf:"list" doc:"The towers, at best of different operators"`
}

// TowerPlace is one of them.
type TowerPlace struct {
	Name    string `koanf:"name" doc:"Name for people: letters, digits and dashes"`
	Address string `koanf:"address" doc:"host:port at which the tower listens"`
	Party   string `koanf:"party" doc:"The tower's public key, in hex: it prints it when it starts. Nobody else is talked to there"`
	Price   string `koanf:"price" doc:"What was agreed, word for word as the tower states it; empty where it asks nothing. Where the tower asks something else, nothing is handed to it"`
}

// Tower is what a process with the role tower does for others.
type Tower struct {
	Price     string       `koanf:"price" doc:"What guarding costs, in words that owners have to agree to; empty for nothing. Who has paid is for its operator to know: owners lists them"`
	Packages  int          `koanf:"packages" doc:"Most packages of a party that owners does not list; 0: only listed parties are served. A swap takes two"`
	Longest   Duration     `koanf:"longest" doc:"Longest that a package is kept while it is sealed"`
	Owners    []TowerOwner `koanf:"owners" doc:"Parties with a quota of their own"`
	GasBudget htlc.Amount  `koanf:"gas_budget" doc:"EVM: most that the tower pays for one spend of others, in base units of the chain's coin; 0 for redeem and refund at the stress rate"`
}

// TowerOwner is a party that a tower serves.
type TowerOwner struct {
	Party    string `koanf:"party" doc:"Its public key, in hex: kofo node info shows it"`
	Packages int    `koanf:"packages" doc:"Most packages at one time"`
}

const (
	maxPackages   = 1_000_000
	maxPriceWords = 200
)

func (t Towers) validate() []Problem {
	p := problems{prefix: "towers."}
	seen := map[string]bool{}
	for i, place := range t.List {
		at := fmt.Sprintf("list[%d].", i)
		if !chainName.MatchString(place.Name) {
			p.add(ReasonBadValue, at+"name", "%q, must be lower-case letters, digits and dashes", place.Name)
		}
		p.hostPort(at+"address", place.Address, false)
		if !partyKey.MatchString(place.Party) {
			p.add(ReasonBadValue, at+"party", "%q, must be 64 lower-case hexadecimal digits: the tower prints it when it starts", place.Party)
		}
		if len(place.Price) > maxPriceWords {
			p.add(ReasonBadValue, at+"price", "%d bytes, at most %d", len(place.Price), maxPriceWords)
		}
		for key, value := range map[string]string{"name": place.Name, "party": place.Party} {
			if seen[key+value] {
				p.add(ReasonTwice, at+key, "%q stands twice", value)
			}
			seen[key+value] = true
		}
	}
	if t.Required < 0 || t.Required > len(t.List) {
		p.add(ReasonConflict, "required", "%d, but %d towers are listed", t.Required, len(t.List))
	}
	return p.list
}

func (t Tower) validate() []Problem {
	p := problems{prefix: "tower."}
	p.within("packages", t.Packages, 0, maxPackages)
	p.span("longest", t.Longest, time.Hour, 10*maxSpan)
	if len(t.Price) > maxPriceWords {
		p.add(ReasonBadValue, "price", "%d bytes, at most %d", len(t.Price), maxPriceWords)
	}
	seen := map[string]bool{}
	for i, owner := range t.Owners {
		at := fmt.Sprintf("owners[%d].", i)
		switch {
		case !partyKey.MatchString(owner.Party):
			p.add(ReasonBadValue, at+"party", "%q, must be 64 lower-case hexadecimal digits: `kofo node info` shows a node's", owner.Party)
		case seen[owner.Party]:
			p.add(ReasonTwice, at+"party", "%q stands twice", owner.Party)
		}
		seen[owner.Party] = true
		p.within(at+"packages", owner.Packages, 1, maxPackages)
	}
	return p.list
}

// validateRoles: what a role needs, and what it does not do.
func (c Config) validateRoles() []Problem {
	p := problems{}
	switch {
	case !c.IsTower() && !slices.Equal(c.Roles, []string{RoleAll}):
		p.add(ReasonBadValue, "roles", "%q, must be [all] or [tower]", c.Roles)
	case c.IsTower() && c.Peer.Listen == "":
		p.add(ReasonMissing, "peer.listen", "a tower is reached there: must be host:port")
	case c.IsTower() && len(c.Chains) == 0:
		p.add(ReasonMissing, "chains", "a tower without chains guards nothing")
	case c.IsTower() && c.Tower.Packages == 0 && len(c.Tower.Owners) == 0:
		p.add(ReasonMissing, "tower.owners", "nobody is served: list parties, or let others keep packages by tower.packages")
	}
	return p.list
}

// PartyID is a key of the configuration as a party. Of a validated one it can be
// read.
func PartyID(text string) (id htlc.PartyID) {
	_, _ = hex.Decode(id[:], []byte(text)) // validated
	return id
}
