package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// binaryOf builds a command of this module.
func binaryOf(t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(folder))
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", binary, folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return binary
}

// TestTheContainersRunAsPlainProcesses starts what docker-compose.yml and the Dockerfile start, with the arguments,
// configuration and health checks that stand there; only the addresses are this machine's. No container engine is needed.
func TestTheContainersRunAsPlainProcesses(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics(t)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	services, image := compose(t).Services, dockerCommand(t)
	sandbox, admin := program.FreeAddress(), program.FreeAddress()
	configuration := filepath.Join(t.TempDir(), "tokrelay.yaml")
	here := strings.NewReplacer("kafka:29092", broker.ListenAddrs()[0], "http://registry:8080/apis/ccompat/v7", registry.URL(),
		"http://sandbox:8090", "http://"+sandbox, "0.0.0.0:8090", sandbox, "127.0.0.1:8090", sandbox,
		"0.0.0.0:8080", admin, "127.0.0.1:8080", admin, "/etc/tokrelay/tokrelay.yaml", configuration)
	if err := os.WriteFile(configuration, []byte(here.Replace(read(t, "compose/tokrelay.yaml"))), 0o600); err != nil {
		t.Fatal(err)
	}
	tokrelay, health := binaryOf(t, "../cmd/tokrelay"), binaryOf(t, "./health")
	for name, args := range map[string][]string{"sandbox": words(t, services["sandbox"].Command), "tokrelay": image} {
		for i := range args {
			args[i] = here.Replace(args[i])
		}
		running := program.Start(t, exec.Command(tokrelay, args...))
		check := services[name].Healthcheck.Test
		if len(check) != 3 || check[1] != "/usr/local/bin/health" {
			t.Fatalf("%s is checked by %q", name, check)
		}
		program.Until(t, 200*time.Millisecond, time.Minute, name+" is healthy", func() bool {
			return exec.Command(health, here.Replace(check[2])).Run() == nil
		})
		if name == "tokrelay" {
			if code := running.Stop(syscall.SIGTERM); code != 0 {
				t.Errorf("after SIGTERM tokrelay ended with %d", code)
			}
		}
	}
}

// words is a command in its list form.
func words(t *testing.T, command any) (list []string) {
	t.Helper()
	for _, w := range command.([]any) {
		list = append(list, w.(string))
	}
	return list
}

var imageCommand = regexp.MustCompile(`(?m)^CMD (\[.*\])$`)

// dockerCommand is what the image runs unless told otherwise.
func dockerCommand(t *testing.T) (args []string) {
	t.Helper()
	m := imageCommand.FindStringSubmatch(read(t, "../Dockerfile"))
	if m == nil || json.Unmarshal([]byte(m[1]), &args) != nil {
		t.Fatal("the Dockerfile has no CMD as a list")
	}
	return args
}

// TestFileAudiencesHaveAFolderThatCanBeWritten: the root file systems are read-only.
func TestFileAudiencesHaveAFolderThatCanBeWritten(t *testing.T) {
	dockerfile := read(t, "../Dockerfile")
	if !strings.Contains(dockerfile, "\nENV XDG_CACHE_HOME=/tmp\n") {
		t.Error("the image has no XDG_CACHE_HOME=/tmp")
	}
	if !strings.Contains(read(t, "../docker-compose.yml"), "\n    tmpfs: [\"/tmp\"]\n") {
		t.Error("the service tokrelay has no /tmp")
	}
	if !strings.Contains(read(t, "kubernetes/base/statefulset.yaml"), "mountPath: /tmp}") {
		t.Error("the pods have no /tmp")
	}
	unit := read(t, "systemd/tokrelay.service")
	if !strings.Contains(unit, "\nCacheDirectory=tokrelay\n") || !strings.Contains(unit, "\nEnvironment=XDG_CACHE_HOME=%C\n") {
		t.Error("the unit has no cache directory")
	}
}
