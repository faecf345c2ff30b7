package find

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
)

// keyForms are what a record's key may be, without its framing, whose columns have the values that were typed: one value, or
// name=value,name=value in the order of the key. They are those of Avro, of JSON and of Kafka's own serializers; assets/identify.js has
// them too.
func keyForms(text string) (forms [][]byte) {
	avro, object := [][]byte{nil}, []string{"{"}
	for i, part := range strings.Split(text, ",") {
		name, value, named := strings.Cut(part, "=")
		if !named {
			name, value = "", part
		}
		avro = extended(avro, avroForms(value))
		if !named {
			object = nil
			continue
		}
		object = members(object, i > 0, name, value)
	}
	for _, form := range object {
		forms = append(forms, []byte(form+"}"))
	}
	forms = append(forms, []byte(quoted(text)))
	if strings.ContainsAny(text, ",=") {
		forms = append(forms, avroForms(text)...) // they may be part of the only column's value
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		forms = append(forms, binary.BigEndian.AppendUint64(nil, uint64(n)))
		if int64(int32(n)) == n {
			forms = append(forms, binary.BigEndian.AppendUint32(nil, uint32(n)))
		}
	}
	return append(forms, avro...)
}

// mostForms of one key are tried: three columns of numbers.
const mostForms = 8

// extended puts each end behind each beginning.
func extended(beginnings, ends [][]byte) (list [][]byte) {
	for _, beginning := range beginnings {
		for _, end := range ends {
			if len(list) < mostForms {
				list = append(list, append(bytes.Clone(beginning), end...))
			}
		}
	}
	return list
}

// avroForms are a value as a text, and where it is one as a whole number.
func avroForms(value string) (forms [][]byte) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		forms = append(forms, binary.AppendVarint(nil, n))
	}
	return append(forms, append(binary.AppendVarint(nil, int64(len(value))), value...))
}

// members puts a member behind each beginning of an object: its value as a number, where it is one, and as a text.
func members(beginnings []string, comma bool, name, value string) (list []string) {
	quotedName, quotedValue := quoted(name), quoted(value)
	for _, beginning := range beginnings {
		if comma {
			beginning += ","
		}
		if _, err := strconv.ParseInt(value, 10, 64); err == nil && len(list) < mostForms {
			list = append(list, beginning+quotedName+":"+value)
		}
		if len(list) < mostForms {
			list = append(list, beginning+quotedName+":"+quotedValue)
		}
	}
	return list
}

// quoted is a text in JSON, where < > and & are as they are: only Go escapes them.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // texts always encode
	return strings.TrimSuffix(b.String(), "\n")
}
