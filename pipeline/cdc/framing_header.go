package cdc

import (
	"encoding/binary"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// headerNames are the headers that carry schema ids, for values or for keys.
type headerNames struct{ confluent, global, content, encoding string }

var (
	valueHeaders = headerNames{"__value_schema_id", "apicurio.value.globalId", "apicurio.value.contentId", "apicurio.value.encoding"}
	keyHeaders   = headerNames{"__key_schema_id", "apicurio.key.globalId", "apicurio.key.contentId", "apicurio.key.encoding"}
)

// avroInJSON is the rule for values in Avro's JSON encoding, whose unions and numbers read otherwise than plain JSON.
const avroInJSON = "Avro's JSON encoding: not supported; set apicurio.registry.avro.encoding to BINARY at the producer"

// azurePrefix is before the id in the content type that Azure's serializer writes.
const azurePrefix = "avro/binary+"

// fromHeader reads records that must have their id in a header.
func (f *frame) fromHeader() (registry.ID, []byte, error) {
	id, found, err := f.headerID()
	if !found && err == nil {
		err = f.reject(pipeline.ShortHeader, "framing.style asks for a header with the schema id, and the record has none")
	}
	return id, f.payload, err
}

// headerID looks for an id in the headers. The last of one name wins, as with Kafka's own readers; Confluent's wins over
// Apicurio's, and a globalId over a contentId.
func (f *frame) headerID() (id registry.ID, found bool, err error) {
	names := valueHeaders
	if f.key {
		names = keyHeaders
	}
	rank := 0
	for i := len(f.headers) - 1; i >= 0; i-- {
		h := &f.headers[i]
		if h.Key == names.encoding && strings.EqualFold(string(h.Value), "JSON") {
			return registry.ID{}, true, f.reject(pipeline.UnsupportedFraming, avroInJSON)
		}
		r := f.rank(h, names)
		if r <= rank {
			continue
		}
		if id, err = f.readHeader(h, names); err != nil {
			return registry.ID{}, true, err
		}
		rank = r
	}
	return id, rank > 0, nil
}

// rank says how much a header weighs as the place of the id, 0 if it is another.
func (f *frame) rank(h *pipeline.Header, names headerNames) int {
	switch h.Key {
	case names.confluent:
		return 5
	case "":
		return 0
	case f.of.IDHeader:
		return 4
	case names.global:
		return 3
	case names.content:
		return 2
	case "content-type":
		if !f.key && strings.HasPrefix(string(h.Value), azurePrefix) {
			return 1
		}
	}
	return 0
}

func (f *frame) readHeader(h *pipeline.Header, names headerNames) (registry.ID, error) {
	switch {
	case h.Key == names.confluent:
		return f.confluentHeader(h)
	case h.Key == "content-type":
		guid, ok := registry.ParseGUID(string(h.Value[len(azurePrefix):]))
		if !ok {
			return registry.ID{}, f.reject(pipeline.ShortHeader, "header content-type: avro/binary+ must be followed by 32 hexadecimal digits")
		}
		return registry.ID{Kind: registry.GUIDID, GUID: guid}, nil
	case len(h.Value) != 8:
		return registry.ID{}, f.reject(pipeline.ShortHeader, "header "+h.Key+" must hold a number of 8 bytes")
	case h.Key == names.content || h.Key == f.of.IDHeader && f.of.ID != idGlobal:
		return registry.ID{Kind: registry.NumberID, N: int64(binary.BigEndian.Uint64(h.Value))}, nil
	}
	return registry.ID{Kind: registry.GlobalID, N: int64(binary.BigEndian.Uint64(h.Value))}, nil
}

// confluentHeader holds what would come before the row: a GUID, or a number.
func (f *frame) confluentHeader(h *pipeline.Header) (registry.ID, error) {
	switch v := h.Value; {
	case len(v) == 17 && v[0] == magicGUID:
		return registry.ID{Kind: registry.GUIDID, GUID: [16]byte(v[1:])}, nil
	case len(v) == 5 && v[0] == magicNumber:
		return registry.ID{Kind: registry.NumberID, N: int64(int32(binary.BigEndian.Uint32(v[1:])))}, nil
	}
	return registry.ID{}, f.reject(pipeline.ShortHeader, "header "+h.Key+" must be 0x01 and a GUID of 16 bytes, or 0x00 and a number of 4")
}
