package audiencefile

import (
	"context"
	"net/http"
	"path/filepath"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// codeSignature is TikTok's code for a file that arrived and is not the one that was sent.
const codeSignature = 40900

// badFile says of an answer to create or update that the uploaded files are of no use any more: expired, or lost.
func badFile(code int) bool {
	switch code {
	case 40905, 40906, 40910, 40914, 40915:
		return true
	}
	return false
}

// upload uploads the files and notes what TikTok calls them. Uploading twice does no harm.
func (r *run) upload(ctx context.Context, folder string, files []build.File) error {
	r.job.progress.set(func(p *Progress) {
		p.Phase, p.Since, p.Files, p.AllFiles = PhaseUploading, r.job.deps.now(), 0, len(files)
	})
	for i := range files {
		path, err := r.uploadFile(ctx, folder, &files[i])
		if err != nil {
			return err
		}
		files[i].Path = path
		r.job.progress.set(func(p *Progress) { p.Files++ })
	}
	return nil
}

func (r *run) uploadFile(ctx context.Context, folder string, f *build.File) (string, error) {
	j := r.job
	parts := []tiktok.Part{{Name: "advertiser_id", Value: j.deps.Advertiser}, {Name: "file_signature", Value: f.MD5},
		{Name: "calculate_type", Value: j.plan.layout.Kind}}
	send := call{method: http.MethodPost, endpoint: endpointUpload, items: int(f.Lines), again: harmless, do: func() pipeline.Answer {
		return j.deps.API.Upload(ctx, endpointUpload, parts, filepath.Join(folder, f.Name))
	}}
	a, err := j.insist(ctx, send)
	if err == nil && a.Code == codeSignature { // damaged on the way, most likely: once more
		a, err = j.insist(ctx, send)
	}
	switch {
	case err != nil:
		return "", err
	case a.Verdict == pipeline.TooMany:
		return "", audience.Stop("TikTok refuses a file of %d bytes: lower audience_file.file_size", f.Bytes)
	case !accepted(&a):
		return "", audience.Trouble(endpointUpload, &a)
	}
	var data struct {
		Path string `json:"file_path"`
	}
	if err := tiktok.Data(&a, &data); err != nil || data.Path == "" {
		return "", &pipeline.Trouble{Kind: pipeline.TroubleTikTok, What: endpointUpload + ": the answer names no file_path"}
	}
	return data.Path, nil
}
