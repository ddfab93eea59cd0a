// Package config is the configuration of a settlement node: one struct, read
// from a YAML file, the environment and flags, in this order of precedence.
//
//	file   <data_dir>/kofod.yml, or the file that --config or KOFO_CONFIG names
//	env    KOFO_ and the key with underscores: store.dsn is KOFO_STORE_DSN
//	flags  -- and the key with dashes: store.dsn is --store-dsn
//
// Lists (chains, max_amounts) stand in the file only.
//
// A key that does not exist is an error that names its line and the nearest
// key that does. Every section is validated by itself, and all problems are
// reported at once, each with a reason code; see Error.
//
// The caller owes it nothing but to keep what Reveal returns out of logs:
// secrets have types that print redacted, so the whole Config may be printed.
package config

//go:generate go test . -run ^TestReferenceIsUpToDate$ -update
