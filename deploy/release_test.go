package deploy_test

import (
	"slices"
	"strings"
	"testing"
)

// The manifests name an image that a release has to make, on both platforms, with what the Dockerfile's image is.
func TestAReleaseMakesTheImageThatTheManifestsName(t *testing.T) {
	var release struct {
		Builds []struct {
			ID     string
			Goos   []string
			Goarch []string
		}
		Images []struct {
			Images     []string
			Tags       []string
			IDs        []string `yaml:"ids"`
			Dockerfile string
			Platforms  []string
		} `yaml:"dockers_v2"`
	}
	var base struct {
		Images []struct {
			NewName string `yaml:"newName"`
			NewTag  string `yaml:"newTag"`
		}
	}
	readYAML(t, "../.goreleaser.yaml", &release)
	readYAML(t, "kubernetes/base/kustomization.yaml", &base)
	if len(base.Images) != 1 || len(release.Images) != 1 {
		t.Fatalf("got %d images in the manifests and %d in the release, want one", len(base.Images), len(release.Images))
	}
	image := release.Images[0]
	if !slices.Contains(image.Images, base.Images[0].NewName) {
		t.Errorf("the release makes %v, the manifests name %s", image.Images, base.Images[0].NewName)
	}
	if !slices.Equal(image.Tags, []string{"{{ .Version }}"}) || strings.HasPrefix(base.Images[0].NewTag, "v") {
		t.Errorf("the release tags its image %q, the manifests ask for %s: want the version in both, without a v", image.Tags, base.Images[0].NewTag)
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(image.Platforms, want) {
		t.Errorf("got platforms %v, want %v", image.Platforms, want)
	}
	built := map[string]bool{}
	for _, b := range release.Builds {
		built[b.ID] = slices.Contains(b.Goos, "linux") && slices.Contains(b.Goarch, "amd64") && slices.Contains(b.Goarch, "arm64")
	}
	for _, id := range image.IDs {
		if !built[id] {
			t.Errorf("the image has %s, which is not built for both platforms", id)
		}
	}
	_, last, _ := strings.Cut(read(t, "../Dockerfile"), "FROM gcr.io")
	_, released, _ := strings.Cut(read(t, "../"+image.Dockerfile), "FROM gcr.io")
	if got, want := settingsOf(released), settingsOf(last); !slices.Equal(got, want) {
		t.Errorf("the image of a release is set up as %q, that of the Dockerfile as %q", got, want)
	}
}

// settingsOf are the lines of a last stage, but for what is copied.
func settingsOf(stage string) (lines []string) {
	for line := range strings.Lines(stage) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "COPY") && !strings.HasPrefix(line, "ARG") {
			lines = append(lines, line)
		}
	}
	return lines
}
