// Package safety says which rows of the safety catalogue, docs/safety.md, this
// version leaves open. Its list is made from that page and nothing at run time
// changes it: while a row is open, no configuration opens a mainnet.
package safety

//go:generate go test . -run ^TestOpenRowsAreThoseOfTheCatalogue$ -update
