// Package compose checks the files that describe containers, with the parsers
// of the tools that read them: docker-compose.yml with compose-go, the
// Dockerfiles with BuildKit's parser. No engine is needed, and none of this
// shows that an image builds or a container starts.
//
// It is a module of its own so that these parsers never reach the product.
package compose
