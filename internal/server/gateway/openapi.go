// Package gateway holds the REST face of the API: its OpenAPI document, and in
// the folder below the code that translates REST to gRPC. Both are made from
// the protos by api/generate.sh.
package gateway

import _ "embed"

// OpenAPI is the document that describes the REST calls.
//
//go:embed kofo.swagger.json
var OpenAPI []byte
