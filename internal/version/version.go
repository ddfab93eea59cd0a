// Package version says which build this is. Releases set the number by the
// linker; what Go knows of a build fills in the rest.
package version

import (
	"fmt"
	"runtime/debug"
)

// number is set by -ldflags "-X .../internal/version.number=1.2.3".
var number string

// devel names a build that is no release.
const devel = "devel"

// Version names a build.
type Version struct {
	Number string // never empty
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
	info, _ := debug.ReadBuildInfo()
	return of(number, info)
}

// of prefers the release's number, then that of the module (as `go install`
// of a tag knows it). In a checkout the module's is made of the commit, which
// is told beside it, so it says no more than that this is no release.
func of(number string, info *debug.BuildInfo) Version {
	v := Version{Number: number}
	module := ""
	if info != nil {
		v.Commit, module = commit(info.Settings), info.Main.Version
	}
	if v.Number == "" && v.Commit == "" && module != "(devel)" {
		v.Number = module
	}
	if v.Number == "" {
		v.Number = devel
	}
	return v
}

func commit(settings []debug.BuildSetting) string {
	revision, modified := "", ""
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}
