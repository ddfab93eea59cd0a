// Package tower connects nodes with watchtowers: a Host keeps packages for the
// nodes of others on agreed terms, and a Guard hands out those of this node's
// own swaps and knows who has acknowledged what. What a package is and what a
// tower does with it stands in monitor/tower.
//
//	own node                                     tower
//	Guard --Offer, Register, Put--> (peer) ----> Host --> monitor/tower --> chains
//	  |                                           |
//	  Guards (acknowledged, durable)              Register (who agreed to what)
//
// The caller owes a Guard its Run, and tells it of changed swaps; a Host lives
// by its calls alone.
package tower
