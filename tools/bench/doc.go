// Command bench runs every benchmark of the tree, prints the figures as JSON and
// writes them to docs/benchmarks.json and docs/benchmarks.md, beside the machine
// and what its disk takes to keep 4 kB. The page is made from the JSON alone.
//
//	go run . -root ../..            everything, and the two files
//	go run . -root ../.. -only EVM  some benchmarks, printed only
//	go run . -root ../.. -page      only the page, from the JSON that is there
//
// It fails where a benchmark fails or is missing, and after writing where a
// number is missed. Whoever runs it sees to it that the machine has nothing
// else to do; the page says how busy it was when the run began.
//
// It is a module of its own so that the parser never reaches the product.
package main
