// Package api is the root of the module that programs outside the node build
// on: the protos in proto/, their Go code in gen/ and the client in sdk/.
//
// It depends on gRPC, protobuf and the types of the validation rules that
// stand in the protos, and on nothing of the node.
package api

//go:generate ./generate.sh
//go:generate go test ./sdk/reason -run ^TestDocsListEveryReason$ -update
