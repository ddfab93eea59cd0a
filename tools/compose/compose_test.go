package compose

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// required are the variables that .env must give; the test gives them.
func required() map[string]string {
	return map[string]string{
		"POSTGRES_PASSWORD": "canary-postgres",
		"NATS_PASSWORD":     "canary-nats",
		"BTCD_RPC_PASSWORD": "canary-btcd",
	}
}

func load(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "docker-compose.yml")}},
		Environment: env,
	})
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, required())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestServices(t *testing.T) {
	want := []string{"btcd", "geth", "kofod", "nats", "postgres"}
	if got := slices.Sorted(maps.Keys(project(t).Services)); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
}

// A missing password must stop compose with the variable's name, not start a
// service with an empty one.
func TestEveryPasswordIsRequired(t *testing.T) {
	for name := range required() {
		t.Run(name, func(t *testing.T) {
			env := required()
			delete(env, name)
			if _, err := load(t, env); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("without %s: %v, want an error that names it", name, err)
			}
		})
	}
}

func TestExampleEnvironment(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(root, "deploy/compose/env.example"))
	if err != nil {
		t.Fatal(err)
	}
	compose, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllSubmatch(compose, -1) {
		used[string(m[1])] = true
	}
	named := map[string]bool{}
	for _, line := range strings.Split(string(example), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		named[name] = true
		if strings.Contains(name, "PASSWORD") && value != "" {
			t.Errorf("%s has a value in the example", name)
		}
	}
	if !maps.Equal(used, named) {
		t.Errorf("docker-compose.yml uses %v, env.example names %v",
			slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(named)))
	}
}

// A literal secret would be in every clone: what looks like one must be a
// canary of this test, so it came from the environment.
func TestNoSecretInTheFile(t *testing.T) {
	secretName := regexp.MustCompile(`(?i)(password|secret|token|rpcpass|dsn)`)
	for name, s := range project(t).Services {
		for key, value := range s.Environment {
			if secretName.MatchString(key) && (value == nil || !strings.Contains(*value, "canary-")) {
				t.Errorf("%s: %s does not come from the environment", name, key)
			}
		}
		for _, arg := range slices.Concat(s.Command, s.Entrypoint) {
			if secretName.MatchString(arg) && !strings.Contains(arg, "canary-") {
				t.Errorf("%s: argument %q does not come from the environment", name, arg)
			}
		}
	}
}

func TestEveryServiceIsWatchedAndBounded(t *testing.T) {
	for name, s := range project(t).Services {
		if s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Disable {
			t.Errorf("%s has no health check", name)
		}
		if s.Restart == "" {
			t.Errorf("%s does not come back after a crash", name)
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" {
			t.Errorf("%s may fill the disk with its log", name)
		}
		if s.Privileged || s.NetworkMode == "host" {
			t.Errorf("%s is privileged or on the host's network", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q, want this machine only", name, p.Published, p.HostIP)
			}
		}
	}
}

func TestImagesArePinned(t *testing.T) {
	for name, s := range project(t).Services {
		_, tag, ok := strings.Cut(s.Image, ":")
		if !ok || tag == "latest" {
			t.Errorf("%s: image %q is not pinned", name, s.Image)
		}
		if s.Build == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// State is in named volumes, which survive `compose down`; what is mounted from
// the tree exists and cannot be written.
func TestStateIsInNamedVolumes(t *testing.T) {
	p := project(t)
	used := map[string]bool{}
	for name, s := range p.Services {
		state := false
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeVolume:
				used[v.Source] = true
				state = state || !v.ReadOnly
			case types.VolumeTypeBind:
				if !v.ReadOnly {
					t.Errorf("%s may write to %s", name, v.Source)
				}
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s mounts a file that is not in the tree: %v", name, err)
				}
			default:
				t.Errorf("%s: unexpected volume type %s", name, v.Type)
			}
		}
		if !state {
			t.Errorf("%s keeps its state in no named volume", name)
		}
	}
	for name := range p.Volumes {
		if !used[name] {
			t.Errorf("volume %s is used by nobody", name)
		}
	}
}

func TestKofodWaitsForHealthyNeighbours(t *testing.T) {
	p := project(t)
	for name := range p.Services {
		if name == "kofod" {
			continue
		}
		if got := p.Services["kofod"].DependsOn[name].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("kofod starts with %s in condition %q", name, got)
		}
	}
}

// TestMetricsBeside: the second file goes with the first, publishes nothing
// but to this machine, and mounts what is there.
func TestMetricsBeside(t *testing.T) {
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, Environment: required(),
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "docker-compose.yml")}, {Filename: filepath.Join(dir, "deploy/compose/metrics.yml")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	service, ok := p.Services["prometheus"]
	if !ok || len(p.Services) != 6 {
		t.Fatalf("services %v", slices.Sorted(maps.Keys(p.Services)))
	}
	for _, port := range service.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("port %s is published to %q", port.Published, port.HostIP)
		}
	}
	for _, v := range service.Volumes {
		if _, err := os.Stat(v.Source); v.Type == "bind" && err != nil {
			t.Error(err)
		}
	}
}
