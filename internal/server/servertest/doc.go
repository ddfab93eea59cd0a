// Package servertest runs the real API server, with the real agreement service
// and the real token and request tables, over chains that exist in memory
// only. It is for tests of the server and of its clients.
//
// A Node follows no chain: a test says what happened by Node.Happen.
package servertest
