package build

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// topic is a source topic, with the table it is a log of. A value is the address of a member, notMember, rejectedRow, or
// unreadRow; "" is a tombstone.
type topic struct {
	id         string
	framing    string // of the keys to be written: the number of their schema in brackets
	partitions [][]pipeline.Record
	table      map[string]string // key → address
}

const (
	notMember   = "-"
	rejectedRow = "?"
	unreadRow   = "!" // rejected: the address was not read from the database
)

func newTopic() *topic {
	return &topic{id: "t1", partitions: make([][]pipeline.Record, 3), table: map[string]string{}}
}

// write writes to the key's own partition.
func (t *topic) write(key, value string) {
	sum := sha256.Sum256([]byte(key))
	t.writeTo(int(sum[0])%len(t.partitions), key, value, time.Now())
}

func (t *topic) writeTo(partition int, key, value string, at time.Time) {
	r := pipeline.Record{Topic: "customers", Partition: int32(partition), Offset: int64(len(t.partitions[partition])), Timestamp: at, Key: []byte(t.framing + key)}
	if value != "" {
		r.Value = []byte(value)
	}
	t.partitions[partition] = append(t.partitions[partition], r)
	if value == unreadRow {
		return
	}
	if delete(t.table, key); value != "" && value != notMember && value != rejectedRow {
		t.table[key] = value
	}
}

func (t *topic) people(from, to int) {
	for i := from; i < to; i++ {
		t.write(fmt.Sprint("key-", i), fmt.Sprintf("person%d@example.com", i))
	}
}

// members are the lines of the table.
func (t *topic) members() []string {
	set := map[string]bool{}
	for _, address := range t.table {
		sum := sha256.Sum256([]byte(address))
		set[hex.EncodeToString(sum[:])] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func (t *topic) spans(context.Context) (list []Span, err error) {
	for i, p := range t.partitions {
		list = append(list, Span{"customers", t.id, int32(i), 0, int64(len(p))})
	}
	return list, nil
}

func (t *topic) read(_ context.Context, spans []Span, each func(*pipeline.Record) error) error {
	for _, s := range spans {
		for _, r := range t.partitions[s.Partition][s.From:s.To] {
			if err := each(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

// steps make the SHA-256 of a member's address its line.
func steps() pipeline.Steps {
	return pipeline.Steps{
		Decode: func(_ context.Context, r *pipeline.Record, c *pipeline.Change) error {
			c.Key, c.Op, c.After.Values = withoutFraming(r.Key), pipeline.Insert, append(c.After.Values[:0], pipeline.StringValue(r.Value))
			if r.Value == nil {
				c.Op = pipeline.Delete
			}
			return nil
		},
		Make: func(items *pipeline.Items, _ int, c *pipeline.Change) error {
			if c.Op == pipeline.Delete {
				return nil
			}
			switch address := c.After.Values[0].Bytes(); string(address) {
			case notMember:
			case unreadRow:
				return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, "email", "a value read from the database")
			case rejectedRow:
				return pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidEmail, "email", "an address")
			default:
				sum := sha256.Sum256(address)
				items.Buf = append(items.Buf, sum[:]...)
			}
			return nil
		},
	}
}

// withoutFraming is a key without the number of its schema, which the tests write in brackets.
func withoutFraming(key []byte) []byte { return key[bytes.IndexByte(key, ')')+1:] }

// lettersTaken takes every dead letter.
type lettersTaken struct{}

func (lettersTaken) Rows(context.Context, []pipeline.Letter) error { return nil }

// tempDir is a folder in memory where the system has a place for that: builds sync what they keep, and disks are slow.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tokrelay-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// builds makes builds of one topic, one after the other.
type builds struct {
	t      testing.TB
	topic  *topic
	path   string
	folder Folder
	in     Input
	runs   int
}

func newBuilds(t testing.TB) *builds {
	b := &builds{t: t, topic: newTopic(), path: tempDir(t)}
	var err error
	if b.folder, err = Open(b.path); err != nil {
		t.Fatal(err)
	}
	b.in = Input{Keep: true, Mapping: "m", FileSize: 50e6, Memory: 256 << 20, Parallel: 2, MaxRejected: 1, NewSteps: steps, Letters: lettersTaken{},
		Source: Source{Spans: func(ctx context.Context) ([]Span, error) { return b.topic.spans(ctx) },
			Read: func(ctx context.Context, spans []Span, each func(*pipeline.Record) error) error {
				return b.topic.read(ctx, spans, each)
			}},
		Marks:    Document{Load: func(context.Context, any) error { return nil }, Save: func(context.Context, any) error { return nil }},
		Progress: func(Step) {}, Trouble: func(*pipeline.Trouble) {}, Small: func(*NoRoom) {}, Now: time.Now}
	b.in.Layout.Add(sha256.Size)
	return b
}

func (b *builds) build(rebuild bool) *Output {
	b.t.Helper()
	b.runs++
	b.in.Run, b.in.Rebuild = fmt.Sprintf("%04d", b.runs), rebuild
	out, err := b.folder.Build(b.t.Context(), b.in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// lines are the lines of a build's files, sorted, once it is checked that the files are what the build says of them.
func (b *builds) lines(out *Output) (lines []string) {
	b.t.Helper()
	for _, f := range out.Files {
		content, err := os.ReadFile(filepath.Join(out.Folder, f.Name))
		if err != nil {
			b.t.Fatal(err)
		}
		sum := md5.Sum(content)
		if f.MD5 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(content)) || f.Lines != int64(bytes.Count(content, []byte("\n"))) {
			b.t.Errorf("%s is not what the build says: %+v", f.Name, f)
		}
		for line := range bytes.Lines(content) {
			lines = append(lines, string(bytes.TrimSuffix(line, []byte("\n"))))
		}
	}
	slices.Sort(lines)
	return lines
}
