package avro

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

const claimCheckPrefix = "__debezium:s3:ref:v1:" // a value moved elsewhere: a reference, not the value

// Dialect is how this producer's values are to be read: what stands for a value that was not read from the database.
// Debezium writes its placeholder in a disguise that fits the column's type.
type Dialect struct {
	placeholder []byte
	first       [256]bool // first bytes of the text forms below, to say no quickly
	texts       [][]byte  // the placeholder itself, its base64 forms, and the map of it as JSON
	uuid        []byte    // the one element of a list of UUIDs
}

// NewDialect takes the connector's setting: text, or "hex:" and bytes.
func NewDialect(setting string) *Dialect {
	d := &Dialect{placeholder: []byte(setting)}
	if digits, ok := strings.CutPrefix(setting, "hex:"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			d.placeholder = b
		}
	}
	p := d.placeholder
	quoted := `"` + string(p) + `"`
	d.texts = [][]byte{p, base64.StdEncoding.AppendEncode(nil, p), base64.URLEncoding.AppendEncode(nil, p),
		[]byte("{" + quoted + ":" + quoted + "}")}
	if setting != string(p) {
		d.texts = append(d.texts, []byte(setting))
	}
	for _, t := range append(d.texts, []byte(claimCheckPrefix)) {
		if len(t) > 0 {
			d.first[t[0]] = true
		}
	}
	d.uuid = nameUUID(p)
	return d
}

// nameUUID is the name-based UUID (version 3, without a namespace) of a name.
func nameUUID(name []byte) []byte {
	sum := md5.Sum(name)
	sum[6] = sum[6]&0x0f | 0x30
	sum[8] = sum[8]&0x3f | 0x80
	return uuidText(sum[:])
}

// isPlaceholder reports whether a text or binary value stands for one that was not read.
func (d *Dialect) isPlaceholder(b []byte) bool {
	return len(b) > 0 && d.first[b[0]] && d.isForm(b)
}

func (d *Dialect) isForm(b []byte) bool {
	for _, t := range d.texts {
		if bytes.Equal(b, t) {
			return true
		}
	}
	return bytes.HasPrefix(b, []byte(claimCheckPrefix))
}

// listValue makes a list, unless it is the placeholder as a list.
func (d *Dialect) listValue(elems []pipeline.Value) pipeline.Value {
	if d.isPlaceholderList(elems) {
		return pipeline.UnavailableValue()
	}
	return pipeline.ListValue(elems)
}

// isPlaceholderList finds the placeholder as a list: one text, one UUID, or its bytes as numbers.
func (d *Dialect) isPlaceholderList(elems []pipeline.Value) bool {
	if len(elems) == 1 && (elems[0].Kind() == pipeline.Unavailable || bytes.Equal(elems[0].Bytes(), d.uuid)) {
		return true
	}
	return len(elems) == len(d.placeholder) && len(elems) > 0 && d.spelled(elems)
}

func (d *Dialect) spelled(elems []pipeline.Value) bool {
	for i, e := range elems {
		if e.Kind() != pipeline.Int || e.Int() != int64(int8(d.placeholder[i])) {
			return false
		}
	}
	return true
}

// mapValue makes a map, unless it is the placeholder as a map.
func (d *Dialect) mapValue(names []string, values []pipeline.Value) pipeline.Value {
	if len(names) == 1 && names[0] == string(d.placeholder) && values[0].Kind() == pipeline.Unavailable {
		return pipeline.UnavailableValue()
	}
	return pipeline.StructValue(names, values)
}
