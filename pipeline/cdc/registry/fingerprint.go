package registry

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Avro's single-object encoding names a schema by CRC-64-AVRO over its Parsing Canonical Form. It differs from the CRC-64s
// of the standard library in that it starts from its own polynomial.
const emptyPrint = 0xc15d213aa4d7a795

var printTable = func() (table [256]uint64) {
	for i := range table {
		fp := uint64(i)
		for range 8 {
			fp = fp>>1 ^ emptyPrint&-(fp&1)
		}
		table[i] = fp
	}
	return table
}()

func fingerprint(canonical []byte) uint64 {
	fp := uint64(emptyPrint)
	for _, b := range canonical {
		fp = fp>>8 ^ printTable[byte(fp)^b]
	}
	return fp
}

// maxGoavroText bounds the schemas shown to goavro for its fingerprint alone.
const maxGoavroText = 64 << 10

// fingerprintsOf are those a producer may name the schema by: of its canonical form, and of what goavro takes for the
// canonical form. That keeps {"type":"long"}, so that Go producers differ from all others; and where a schema refers back
// by a short name it differs from run to run, so that such producers are known some of the time only. A schema that
// cannot be read has none.
func fingerprintsOf(src *avro.Source) []uint64 {
	t, err := avro.Parse(src)
	if err != nil {
		return nil
	}
	crcs := []uint64{fingerprint(canonical(nil, t, map[*avro.Type]bool{}))}
	if len(src.References) > 0 || len(src.Text) > maxGoavroText {
		return crcs
	}
	avro.GuardGoavro()
	if codec, err := goavro.NewCodec(src.Text); err == nil {
		crcs = append(crcs, codec.Rabin)
	}
	return crcs
}

// canonical appends the Parsing Canonical Form: names in full, a named type written out where it comes first, and nothing
// that does not change how bytes are read.
func canonical(dst []byte, t *avro.Type, written map[*avro.Type]bool) []byte {
	if t.Name != "" && written[t] {
		return quote(dst, t.Name)
	}
	written[t] = true
	switch t.Kind {
	case avro.KindUnion:
		return canonicalUnion(dst, t, written)
	case avro.KindArray:
		return append(canonical(append(dst, `{"type":"array","items":`...), t.Items, written), '}')
	case avro.KindMap:
		return append(canonical(append(dst, `{"type":"map","values":`...), t.Items, written), '}')
	case avro.KindRecord:
		return canonicalRecord(dst, t, written)
	case avro.KindEnum:
		return canonicalEnum(dst, t)
	case avro.KindFixed:
		dst = append(quote(append(dst, `{"name":`...), t.Name), `,"type":"fixed","size":`...)
		return append(strconv.AppendInt(dst, int64(t.Size), 10), '}')
	}
	return quote(dst, t.Kind.String())
}

func canonicalUnion(dst []byte, t *avro.Type, written map[*avro.Type]bool) []byte {
	dst = append(dst, '[')
	for i, b := range t.Branches {
		dst = canonical(comma(dst, i), b, written)
	}
	return append(dst, ']')
}

func canonicalRecord(dst []byte, t *avro.Type, written map[*avro.Type]bool) []byte {
	dst = append(quote(append(dst, `{"name":`...), t.Name), `,"type":"record","fields":[`...)
	for i, f := range t.Fields {
		dst = append(quote(append(comma(dst, i), `{"name":`...), f.Name), `,"type":`...)
		dst = append(canonical(dst, f.Type, written), '}')
	}
	return append(dst, "]}"...)
}

func canonicalEnum(dst []byte, t *avro.Type) []byte {
	dst = append(quote(append(dst, `{"name":`...), t.Name), `,"type":"enum","symbols":[`...)
	for i, s := range t.Symbols {
		dst = quote(comma(dst, i), string(s))
	}
	return append(dst, "]}"...)
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// quote writes a name as the canonical form has it: as it is, between quotes.
func quote(dst []byte, name string) []byte { return append(append(append(dst, '"'), name...), '"') }

// prints are the fingerprints of all schemas of the registry, as of a moment ago.
type prints struct {
	mu    sync.Mutex // guards what follows, and is held while the registry is asked
	at    time.Time
	byCRC map[uint64]*avro.Source
}

// byFingerprint looks among the schemas in memory, then among all of the registry.
func (r *Registry) byFingerprint(ctx context.Context, crc uint64) (*avro.Source, error) {
	r.mu.Lock()
	src := r.cache.withFingerprint(crc)
	r.mu.Unlock()
	if src != nil {
		return src, nil
	}
	r.prints.mu.Lock()
	defer r.prints.mu.Unlock()
	if time.Since(r.prints.at) > missingFor {
		if err := r.scan(ctx); err != nil {
			return nil, err
		}
	}
	if src = r.prints.byCRC[crc]; src != nil {
		return src, nil
	}
	return nil, errMissing
}

// scan reads all schemas of the registry. Those that cannot be used have no fingerprint here; a registry that cannot list
// its schemas, or has too many for one answer, knows none.
func (r *Registry) scan(ctx context.Context) error {
	var all []document
	err := r.client.get(ctx, "all schemas", "/schemas", &all)
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return trouble
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found := map[uint64]*avro.Source{}
	for i := range all {
		src, err := r.source(ctx, strconv.Itoa(all[i].ID), &all[i])
		if _, ok := errors.AsType[*pipeline.Trouble](err); ok || ctx.Err() != nil {
			return err
		}
		if err == nil {
			for _, crc := range fingerprintsOf(src) {
				found[crc] = src
			}
		}
	}
	r.prints.at, r.prints.byCRC = time.Now(), found
	return nil
}
