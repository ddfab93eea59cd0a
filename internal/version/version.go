// Package version says which build this is. Releases set Number by the
// linker; the commit comes from Go's build information.
package version

import (
	"fmt"
	"runtime/debug"
)

// number is set by -ldflags "-X .../internal/version.number=1.2.3".
var number = "dev"

// Version names a build.
type Version struct {
	Number string
	Commit string // empty where the build does not know it
}

func (v Version) String() string {
	if v.Commit == "" {
		return v.Number
	}
	return fmt.Sprintf("%s (%s)", v.Number, v.Commit)
}

// Get is the version of this program.
func Get() Version {
	v := Version{Number: number}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	modified := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+"
			}
		}
	}
	if v.Commit != "" {
		v.Commit += modified
	}
	return v
}
