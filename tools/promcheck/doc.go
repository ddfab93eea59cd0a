// Package promcheck holds dashboard and alert rules to Prometheus' own parser.
// It is a module of its own so that neither node nor SDK depends on Prometheus.
// That every metric exists is tested in internal/node, on a running node.
package promcheck
