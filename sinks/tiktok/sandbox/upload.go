package sandbox

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"time"
)

// maxPart is the largest text part of an upload form.
const maxPart = 1 << 10

// upload is a file TikTok has taken in.
type upload struct {
	Upload
	expires time.Time
	members map[string][]member // sorted and distinct, by type; nil once the file has expired
}

// uploadForm is the multipart form of an upload.
type uploadForm struct {
	fields   map[string]string
	hasFile  bool
	fileName string
	file     []byte
	tooLarge bool
}

// fileUpload is POST /dmp/custom_audience/file/upload/.
func (s *Sandbox) fileUpload(c *call) (any, *refusal) {
	form, r := s.readForm(c)
	if r != nil {
		return nil, r
	}
	if r := s.limitedAdvertiser(form.fields["advertiser_id"], c.now); r != nil {
		return nil, r
	}
	if r := form.complete(); r != nil {
		return nil, r
	}
	parsed, r := form.content()
	if r == nil && parsed.bad > 0 && !s.cfg.TakeBadLines {
		r = badContent(parsed.badAt)
	}
	if r != nil {
		return nil, r
	}
	advertiser := form.fields["advertiser_id"]
	if r := s.reaches(c, advertiser); r != nil {
		return nil, r
	}
	c.answered.Rows = parsed.lines
	path := s.audiences.keep(c.now, form, parsed)
	return map[string]string{"file_path": path}, nil
}

// readForm reads the parts of an upload, in whatever order they come.
func (s *Sandbox) readForm(c *call) (*uploadForm, *refusal) {
	broken := refuse(codeParameter, "Invalid multipart form in request body.")
	reader, err := c.r.MultipartReader()
	if err != nil {
		return nil, broken
	}
	form := &uploadForm{fields: map[string]string{}}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil || form.take(part, s.cfg.MaxFile) != nil {
			return nil, broken
		}
		c.answered.Bytes = int64(len(form.file))
	}
}

func (f *uploadForm) take(part *multipart.Part, maxFile int64) error {
	if part.FormName() != "file" {
		text, err := io.ReadAll(io.LimitReader(part, maxPart))
		f.fields[part.FormName()] = string(text)
		return err
	}
	f.hasFile, f.fileName = true, part.FileName()
	content, err := io.ReadAll(io.LimitReader(part, maxFile+1))
	if int64(len(content)) > maxFile {
		f.tooLarge = true
		_, err = io.Copy(io.Discard, part)
	}
	f.file = content
	return err
}

// complete judges the form without its content.
func (f *uploadForm) complete() *refusal {
	var absent []string
	for _, name := range []string{"advertiser_id", "calculate_type", "file", "file_signature"} {
		if f.fields[name] == "" && (name != "file" || !f.hasFile) {
			absent = append(absent, name)
		}
	}
	sum := md5.Sum(f.file)
	switch {
	case absent != nil:
		return missing(absent...)
	case !strings.HasSuffix(f.fileName, ".csv") && !strings.HasSuffix(f.fileName, ".txt"):
		return refuse(codeFileType, "The file type is not supported. Please upload a .csv or .txt file.")
	case f.tooLarge:
		return refuse(codeFileTooLarge, "The file is too large.")
	case len(f.file) == 0:
		return refuse(codeFileEmpty, "The file is empty.")
	case !strings.EqualFold(f.fields["file_signature"], hex.EncodeToString(sum[:])):
		return refuse(codeSignature, "The file signature does not match the file.")
	}
	return nil
}

// content judges the lines of the file against its type.
func (f *uploadForm) content() (parsedFile, *refusal) {
	kind := f.fields["calculate_type"]
	length, known := uploadTypes[kind]
	if !known {
		return parsedFile{}, refuse(codeCalculateType, "The calculate_type is not supported.")
	}
	if kind == multipleTypes {
		return parseTable(f.file)
	}
	return parseList(f.file, kind, length), nil
}

// keep stores a file and returns its path: 16 hexadecimal digits.
func (a *audiences) keep(now time.Time, f *uploadForm, p parsedFile) string {
	path := randomHex(pathLength / 2)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire(now)
	a.uploads[path] = &upload{
		Upload: Upload{
			Path: path, Advertiser: f.fields["advertiser_id"], Type: f.fields["calculate_type"], Name: f.fileName,
			Bytes: len(f.file), Lines: p.lines, Bad: p.bad, Distinct: p.distinct(), Arrived: now,
		},
		expires: now.Add(a.cfg.PathLifetime), members: p.members,
	}
	a.paths = append(a.paths, path)
	return path
}

// expire lets go of the content of old files. Processing under way has its own reference.
func (a *audiences) expire(now time.Time) {
	for _, path := range a.paths {
		if u := a.uploads[path]; !now.Before(u.expires) && !a.processing(u) {
			u.members = nil
		}
	}
}

func (a *audiences) processing(u *upload) bool {
	for _, one := range a.order {
		if one.job == nil {
			continue
		}
		if slices.Contains(one.job.files, u) {
			return true
		}
	}
	return false
}

// lines calls yield for each line of a file, without its end; a line end at the end of the file starts no new line.
func lines(file []byte) func(yield func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for i := 0; len(file) > 0; i++ {
			line, rest, _ := bytes.Cut(file, []byte("\n"))
			if !yield(i, bytes.TrimSuffix(line, []byte("\r"))) {
				return
			}
			file = rest
		}
	}
}
