package cdc

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// readFrame finds the id of the writer schema and the bytes of the row behind it, of a record's value or of its key. The
// body is part of the record. A record without an id is JSON. The error is a *pipeline.Rejection of the frame stage; it
// names the framing and the setting that helps. The caller has dealt with tombstones.
func readFrame(f Framing, r *pipeline.Record, key bool) (registry.ID, []byte, error) {
	fr := frame{of: f.forRecord(r.Topic, key), payload: r.Value, headers: r.Headers}
	if key {
		fr.key, fr.payload = true, r.Key
	}
	return fr.read()
}

// usualFrame reads the frame that nearly every record has, Confluent's number and no headers, without a look at the settings:
// the caller has asked expectsUsual. It is false for any other frame, which readFrame reads.
func usualFrame(r *pipeline.Record) (id registry.ID, body []byte, ok bool) {
	if len(r.Headers) > 0 || len(r.Value) < 5 || r.Value[0] != magicNumber {
		return registry.ID{}, nil, false
	}
	n := int32(binary.BigEndian.Uint32(r.Value[1:]))
	return registry.ID{Kind: registry.NumberID, N: int64(n)}, r.Value[5:], n != 0
}

// expectsUsual is true where readFrame takes the usual frame for what it looks like.
func (f Framing) expectsUsual() bool {
	style := f.Style == "" || f.Style == styleAuto || f.Style == styleConfluent
	return style && f.IDBytes != 8 && f.ID != idGlobal && len(f.Topics) == 0
}

// forRecord is the framing of a topic, and of its keys.
func (f Framing) forRecord(topic string, key bool) Framing {
	if own, ok := f.Topics[topic]; ok {
		f = own
	}
	if key && f.Key != nil {
		return *f.Key
	}
	return f
}

// frame is one value or key with what is around it.
type frame struct {
	of      Framing
	key     bool
	payload []byte
	headers []pipeline.Header
}

func (f *frame) read() (registry.ID, []byte, error) {
	switch f.of.Style {
	case styleConfluent:
		return f.prefixed()
	case styleHeader, styleApicurio:
		return f.fromHeader()
	case styleSingleObject:
		return f.singleObject()
	case styleBare:
		return registry.Named(f.of.Schema), f.payload, nil
	case styleJSON:
		return registry.ID{}, f.payload, nil
	}
	return f.auto()
}

// auto looks at headers first: with an id there the payload is a bare row, and a bare envelope without an old row starts
// with the same zero byte as Confluent's prefix.
func (f *frame) auto() (registry.ID, []byte, error) {
	if id, found, err := f.headerID(); found || err != nil {
		return id, f.payload, err
	}
	if len(f.payload) == 0 {
		return registry.ID{}, nil, f.reject(pipeline.EmptyValue, "")
	}
	switch f.payload[0] {
	case magicNumber, magicGUID:
		return f.prefixed()
	case magicSingleObject:
		return f.singleObject()
	case '{', '"':
		return registry.ID{}, f.payload, nil
	}
	return registry.ID{}, nil, f.unknown()
}

// The first byte of a payload.
const (
	magicNumber       = 0x00 // Confluent's number, Apicurio's
	magicGUID         = 0x01 // Confluent's GUID
	magicGlue         = 0x03
	magicSingleObject = 0xC3 // and 0x01 behind it
)

// prefixed reads an id before the row.
func (f *frame) prefixed() (registry.ID, []byte, error) {
	if len(f.payload) == 0 {
		return registry.ID{}, nil, f.reject(pipeline.EmptyValue, "")
	}
	switch rest := f.payload[1:]; {
	case f.payload[0] == magicNumber:
		return f.number(rest)
	case f.payload[0] == magicGUID && len(rest) >= 16:
		return registry.ID{Kind: registry.GUIDID, GUID: [16]byte(rest)}, rest[16:], nil
	case f.payload[0] == magicGUID:
		return registry.ID{}, nil, f.reject(pipeline.ShortHeader, "0x01 must be followed by a GUID of 16 bytes")
	}
	return registry.ID{}, nil, f.unknown()
}

func (f *frame) number(rest []byte) (registry.ID, []byte, error) {
	if f.of.IDBytes == 8 {
		return f.eightBytes(rest)
	}
	if len(rest) < 4 {
		return registry.ID{}, nil, f.reject(pipeline.ShortHeader, "0x00 must be followed by a schema id of 4 bytes")
	}
	id := registry.ID{Kind: registry.NumberID, N: int64(int32(binary.BigEndian.Uint32(rest)))}
	if f.of.ID == idGlobal {
		id.Kind = registry.GlobalID
	}
	if id.N == 0 && len(rest) >= 8 {
		return registry.ID{}, nil, f.reject(pipeline.UnsupportedFraming,
			"schema id 0: this is Apicurio's id of eight bytes; set framing: {id_bytes: 8}")
	}
	return id, rest[4:], nil
}

// eightBytes: Apicurio's old handler writes its globalId unless it was told otherwise.
func (f *frame) eightBytes(rest []byte) (registry.ID, []byte, error) {
	if len(rest) < 8 {
		return registry.ID{}, nil, f.reject(pipeline.ShortHeader, "0x00 must be followed by a schema id of 8 bytes (framing.id_bytes)")
	}
	id := registry.ID{Kind: registry.GlobalID, N: int64(binary.BigEndian.Uint64(rest))}
	if f.of.ID != "" && f.of.ID != idGlobal {
		id.Kind = registry.NumberID
	}
	return id, rest[8:], nil
}

func (f *frame) singleObject() (registry.ID, []byte, error) {
	switch {
	case len(f.payload) == 0:
		return registry.ID{}, nil, f.reject(pipeline.EmptyValue, "")
	case f.payload[0] != magicSingleObject || len(f.payload) > 1 && f.payload[1] != 0x01:
		return registry.ID{}, nil, f.unknown()
	case len(f.payload) < 10:
		return registry.ID{}, nil, f.reject(pipeline.ShortHeader, "0xC3 0x01 must be followed by a fingerprint of 8 bytes")
	}
	return registry.ID{Kind: registry.FingerprintID, N: int64(binary.LittleEndian.Uint64(f.payload[2:]))}, f.payload[10:], nil
}

// unknown refuses what starts with no known mark, by name where there is one.
func (f *frame) unknown() error {
	switch {
	case len(f.payload) >= 18 && f.payload[0] == magicGlue:
		return f.reject(pipeline.UnsupportedFraming,
			"AWS Glue Schema Registry: not supported; set the source's value.converter to Confluent's or Apicurio's AvroConverter, "+
				"with their registry in schema_registry.url, or to Connect's JsonConverter, which needs none")
	case bytes.HasPrefix(f.payload, []byte("Obj\x01")):
		return f.reject(pipeline.UnsupportedFraming,
			"an Avro container file in a record: not supported; write one row a record, with its schema in a registry")
	case f.of.Style != "" && f.of.Style != styleAuto:
		return f.reject(pipeline.UnknownMagicByte, "the record is not framed as framing.style says")
	}
	return f.reject(pipeline.UnknownMagicByte,
		"must start with 0x00 or 0x01 (Confluent, Apicurio), 0xC3 0x01 (single object) or { (JSON), or carry its schema id in a header; set framing for the topic")
}

func (f *frame) reject(reason pipeline.Reason, rule string) error {
	field := ""
	if f.key {
		field = "key"
	}
	return pipeline.Reject(pipeline.StageFrame, reason, field, strings.TrimSpace(rule))
}
