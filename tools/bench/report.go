package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is docs/benchmarks.json.
type report struct {
	Date    time.Time    `json:"date"`
	Commit  string       `json:"commit"`
	Dirty   bool         `json:"uncommitted_changes"`
	Note    string       `json:"note,omitempty"`
	Machine machine      `json:"machine"`
	Disk    disk         `json:"disk"`
	Numbers []figure     `json:"numbers"`
	All     measurements `json:"measurements"`
}

// figure is a promised number as it was measured: the median of its runs.
type figure struct {
	What     string  `json:"what"`
	Rule     string  `json:"rule,omitempty"`
	Limit    float64 `json:"limit,omitempty"`
	Unit     string  `json:"unit"`
	Measured float64 `json:"measured"`
	Least    float64 `json:"least"`
	Most     float64 `json:"most"`
	Runs     int     `json:"runs"`
	Met      bool    `json:"met"`
	Package  string  `json:"package"`
	Name     string  `json:"name"`
}

// judge holds the measurements against the promised numbers, and names those
// that nobody measured.
func judge(promised []number, all measurements) (figures []figure, missing []string) {
	for _, n := range promised {
		values := slices.Sorted(slices.Values(all.get(n.folder, n.name, n.metric)))
		if len(values) == 0 {
			missing = append(missing, fmt.Sprintf("%s (%s of %s in %s)", n.what, n.metric, n.name, n.folder))
			continue
		}
		for i := range values {
			values[i] *= n.scale
		}
		f := figure{
			What: n.what, Rule: n.rule, Limit: n.limit, Unit: n.unit, Measured: median(values), Least: values[0],
			Most: values[len(values)-1], Runs: len(values), Package: n.folder, Name: n.name,
		}
		switch n.rule {
		case atMost:
			f.Met = f.Measured <= n.limit
		case atLeast:
			f.Met = f.Measured >= n.limit
		default:
			f.Met = true
		}
		figures = append(figures, f)
	}
	return figures, missing
}

// median of sorted values.
func median(values []float64) float64 {
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// missed names the numbers that do not keep their rule.
func (r report) missed() error {
	var out []string
	for _, f := range r.Numbers {
		if !f.Met {
			out = append(out, fmt.Sprintf("%s: %s, %s %s %s", f.What, format(f.Measured, f.Unit), f.Rule, format(f.Limit, f.Unit), f.Unit))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return fmt.Errorf("numbers are missed:\n  %s", strings.Join(out, "\n  "))
}
