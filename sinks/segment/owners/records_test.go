package owners

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/schemas"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// someDigest is a digest of a numbered person.
func someDigest(kind member.Kind, audience string, n int) []byte {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return AddBytes(nil, kind, []byte(audience), sum[:kind.Size()])
}

func setOf(digests ...[]byte) []byte { return bytes.Join(digests, nil) }

// decoded is a record as goavro reads it: the authority on what Avro is.
func decoded(t *testing.T, schema string, record []byte) map[string]any {
	t.Helper()
	codec, err := goavro.NewCodec(schemas.Owned(schema))
	if err != nil {
		t.Fatalf("schema %s: %v", schema, err)
	}
	value, rest, err := codec.NativeFromBinary(record)
	if err != nil || len(rest) > 0 {
		t.Fatalf("schema %s: %v, %d bytes are left", schema, err, len(rest))
	}
	again, err := codec.BinaryFromNative(nil, value)
	if err != nil || !bytes.Equal(again, record) {
		t.Errorf("schema %s: goavro writes\n%x, %v, and we write\n%x", schema, again, err, record)
	}
	return value.(map[string]any)
}

func TestAnAssertionIsAvro(t *testing.T) {
	a := Assertion{What: OfReplay, Sync: TagOf("vip"), Epoch: 3, Member: true, Keep: true, Rejected: true, Kept: 5,
		Source: Source{Topic: []byte("shop.customers"), Partition: 7, Offset: 1 << 40, Time: 1_795_950_000_123}, Part: 2, Parts: 12,
		Digests: setOf(someDigest(0, "", 1), someDigest(3, "Größe M", 2)), Before: someDigest(1, "", 3)}
	value := a.Append(nil)
	m := decoded(t, "assertion", value)
	source := m["source"].(map[string]any)
	first := m["digests"].([]any)[1].(map[string]any)
	sum := sha256.Sum256([]byte("2"))
	if m["what"] != "replay" || m["epoch"] != int64(3) || m["member"] != true || m["as_was"] != false || m["keep"] != true || m["rejected"] != true ||
		m["kept"] != int32(5) || source["topic"] != "shop.customers" || source["partition"] != int32(7) || source["offset"] != int64(1<<40) ||
		m["part"] != int32(2) || m["parts"] != int32(12) || first["type"] != "IDFA_MD5" || first["audience"] != "Größe M" ||
		!bytes.Equal(first["digest"].([]byte), sum[:16]) || len(m["before"].([]any)) != 1 {
		t.Errorf("goavro reads %v", m)
	}
	got, err := readAssertion(value)
	if err != nil || !bytes.Equal(got.Append(nil), value) {
		t.Errorf("read back: %+v, %v", got, err)
	}
}

func TestWhatIsRememberedOfARowIsAvro(t *testing.T) {
	for name, m := range map[string]row{
		"a member":     {sync: TagOf("vip"), member: true, at: 1 << 33, digests: someDigest(0, "", 1)},
		"a marked one": {sync: TagOf("vip"), at: 9, marked: true, mark: Source{Topic: []byte("t"), Partition: 3, Offset: -1, Time: 5}},
	} {
		value := m.append(nil)
		got := decoded(t, "member", value)
		if got["at"] != m.at || got["member"] != m.member || (got["mark"] != nil) != m.marked {
			t.Errorf("%s: goavro reads %v", name, got)
		}
		if back, err := readRow(value); err != nil || !bytes.Equal(back.append(nil), value) {
			t.Errorf("%s read back: %+v, %v", name, back, err)
		}
	}
}

func TestASweepIsAvro(t *testing.T) {
	w := sweep{epoch: 4, start: 77}
	w = w.with(0, 9).with(8, 9)
	m := decoded(t, "sweep", w.append(nil))
	if m["epoch"] != int64(4) || m["start"] != int64(77) || hex.EncodeToString(m["done"].([]byte)) != "0101" || m["swept"] != false {
		t.Errorf("goavro reads %v", m)
	}
	back, err := readSweep(w.append(nil))
	if err != nil || back.isRead(9) {
		t.Errorf("read back: %+v, %v; with 2 partitions of 9 read it counts as read: %v", back, err, back.isRead(9))
	}
	for i := range 9 {
		back = back.with(i, 9)
	}
	if !back.isRead(9) {
		t.Errorf("all of 9 partitions are read, and %x says they are not", back.done)
	}
	sync, ok := sweepKeyOf(sweepKey(TagOf("vip")))
	if !ok || sync != TagOf("vip") {
		t.Errorf("the key's sync: %x, %v", sync, ok)
	}
	if _, ok := sweepKeyOf(make([]byte, 16)); ok {
		t.Error("an identity counts as a sweep's key")
	}
}

func TestAClaimIsAvro(t *testing.T) {
	d := someDigest(4, "VIP", 1)
	key := appendClaimKey(nil, d, 11, 1<<40)
	m := decoded(t, "claim-key", key)
	if m["partition"] != int32(11) || m["offset"] != int64(1<<40) || m["digest"].(map[string]any)["audience"] != "VIP" {
		t.Errorf("goavro reads the key as %v", m)
	}
	got, v, ok := readClaimKey(key)
	if !ok || !bytes.Equal(got, d) || v != versionOf(11, 1<<40) {
		t.Errorf("the key read back: %x, %x, %v", got, v, ok)
	}
	c := claim{says: absent, sync: TagOf("vip"), source: Source{Topic: []byte("t"), Partition: 1, Offset: 2, Time: 3}}
	value := c.append(nil)
	if m := decoded(t, "claim", value); m["says"] != "absent" || m["source"].(map[string]any)["offset"] != int64(2) {
		t.Errorf("goavro reads the value as %v", m)
	}
	if back, err := readClaim(value); err != nil || !bytes.Equal(back.append(nil), value) {
		t.Errorf("the value read back: %+v, %v", back, err)
	}
}

func TestARecordOfALaterFormIsToldFromABrokenOne(t *testing.T) {
	m := row{sync: TagOf("vip"), member: true}
	value := m.append(nil)
	value[0] = 4 // zigzag of 2
	if _, err := readRow(value); !errors.As(err, new(*LaterForm)) {
		t.Errorf("form 2: got %v, want a *LaterForm", err)
	}
	for _, broken := range [][]byte{nil, {0}, value[:3], []byte("barrier")} {
		if _, err := readRow(append([]byte{2}, broken...)); !errors.Is(err, errBroken) {
			t.Errorf("%x: got %v, want %v", broken, err, errBroken)
		}
	}
}

// Others can write to the topics: nothing that is read may end the process, or make a set that does not end.
func FuzzRecords(f *testing.F) {
	a := Assertion{Sync: TagOf("a"), Source: Source{Topic: []byte("t")}, Digests: setOf(someDigest(0, "", 1), someDigest(1, "x", 2))}
	m := row{marked: true, digests: a.Digests}
	w := sweep{epoch: 1}
	c := claim{source: a.Source}
	for _, seed := range [][]byte{a.Append(nil), m.append(nil), w.append(nil), c.append(nil), appendClaimKey(nil, someDigest(5, "y", 3), 3, 4)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := readAssertion(b); err == nil {
			if again, err := readAssertion(a.Append(nil)); err != nil || !bytes.Equal(again.Append(nil), a.Append(nil)) {
				t.Errorf("an assertion changes: %v", err)
			}
		}
		if m, err := readRow(b); err == nil {
			if again, err := readRow(m.append(nil)); err != nil || !bytes.Equal(again.append(nil), m.append(nil)) {
				t.Errorf("a row changes: %v", err)
			}
		}
		if w, err := readSweep(b); err == nil {
			w.isRead(len(b) * 8)
		}
		_, _ = readClaim(b)
		if d, _, ok := readClaimKey(b); ok {
			ownerOf(d, 12)
			nameOf(d)
		}
	})
}

func TestSetsAreComparedWithoutOrder(t *testing.T) {
	a, b, c := someDigest(0, "", 1), someDigest(1, "", 1), someDigest(0, "VIP", 1)
	if !SameSet(setOf(a, b, c), setOf(c, a, b)) || SameSet(setOf(a, b), setOf(a, c)) || SameSet(setOf(a), nil) || !SameSet(nil, nil) {
		t.Error("sets are compared wrongly")
	}
	sum := sha256.Sum256([]byte("1"))
	if got := AddBytes(setOf(a, b), 0, nil, sum[:]); !bytes.Equal(got, setOf(a, b)) {
		t.Errorf("a digest is in the set twice: %x", got)
	}
}

// An earlier version's members are adopted without their rows: their keys say enough.
func TestAnEarlierKeyIsAdoptedAsTheRowsIdentity(t *testing.T) {
	n := NewNamer("vip")
	sum := sha256.Sum256([]byte("shop.customers\x00{\"id\":1}"))
	if got, want := n.Adopt(Identity(sum[:16])), n.Of("shop.customers", []byte(`{"id":1}`)); got != want {
		t.Errorf("adopted as %x, and the row is %x", got, want)
	}
	if NewNamer("other").Of("shop.customers", []byte("1")) == n.Of("shop.customers", []byte("1")) {
		t.Error("rows of two syncs have one identity")
	}
	seen := map[int32]int{}
	for range 12_000 {
		id := n.Of("t", []byte(strconv.FormatUint(rand.Uint64(), 10)))
		seen[id.Partition(12)]++
	}
	for p, rows := range seen {
		if rows < 800 || rows > 1200 {
			t.Errorf("partition %d has %d rows of 12,000, want about 1,000", p, rows)
		}
	}
}
