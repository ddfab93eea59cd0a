package version

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	built := func(module string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: module}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	for name, c := range map[string]struct {
		number string
		info   *debug.BuildInfo
		want   string
	}{
		"nothing known":         {"", nil, "devel"},
		"go run, go test":       {"", built("(devel)"), "devel"},
		"module without a name": {"", built(""), "devel"},
		"checkout":              {"", built("v0.0.0-20260101000000-0123456789ab+dirty", revision, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "devel (0123456789ab+)"},
		"clean checkout":        {"", built("v0.0.0-20260101000000-0123456789ab", revision, debug.BuildSetting{Key: "vcs.modified", Value: "false"}), "devel (0123456789ab)"},
		"go install of a tag":   {"", built("v1.2.3"), "v1.2.3"},
		"release":               {"1.2.3", built("(devel)", revision), "1.2.3 (0123456789ab)"},
	} {
		if got := of(c.number, c.info).String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if Get().Number == "" {
		t.Error("this build has no version")
	}
}
