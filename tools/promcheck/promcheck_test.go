package promcheck

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const root = "../../deploy/"

// TestAlerts is what `promtool check rules` does.
func TestAlerts(t *testing.T) {
	groups, problems := rulefmt.ParseFile(root+"prometheus/alerts.yml", false, model.UTF8Validation)
	for _, err := range problems {
		t.Error(err)
	}
	if len(problems) == 0 && (len(groups.Groups) != 1 || len(groups.Groups[0].Rules) < 10) {
		t.Errorf("%+v", groups)
	}
}

func TestPanels(t *testing.T) {
	raw, err := os.ReadFile(root + "grafana/kofo.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	parsed := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			if _, err := parser.ParseExpr(target.Expr); err != nil {
				t.Errorf("%s: %s: %v", panel.Title, target.Expr, err)
			}
			parsed++
		}
	}
	if parsed < 25 {
		t.Errorf("only %d expressions were found", parsed)
	}
}
