// Package conformance runs the suite of adapters/adaptertest for every adapter:
// over the in-process chains of internal/devnet, and with the build tag e2e
// over btcd and geth processes from bin/ (or KOFO_BTCD and KOFO_GETH).
//
// Both node processes are driven as their own networks drive them: btcd by
// blocks that are submitted to it, geth by the engine API of a consensus
// client. So blocks, times and reorganisations are on command there too, and no
// case is left out.
package conformance
