// Code generated from docs/safety.md. DO NOT EDIT.

package safety

// OpenRows are the rows that are not done.
var OpenRows = []string{
	"A11",
	"C3",
	"D11",
	"D12",
	"D13",
}
