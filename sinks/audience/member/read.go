package member

import (
	"cmp"
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// maxPerKind bounds the identifiers of one kind in a row.
const maxPerKind = 10

// Digests reads the digests of rows' identifiers, in one goroutine.
type Digests struct {
	// Placeholder is the rejection of the first value that named nobody (a phone of zeros) since the caller last made it
	// nil. A row goes on without such a value; one that needs an identifier and has no other is rejected for it.
	Placeholder *pipeline.Rejection

	// Notes are told of values that are left out; nil where nothing is previewed.
	Notes *pipeline.Notes

	values []pipeline.Value
	hashes []identity.Hash
}

// Of gives the digests of the row's identifiers of one kind; they are valid until the next call. Its error is a
// *pipeline.Rejection. A row whose identifier is there but was not read from the database is rejected: taking it for absent
// would remove the member.
func (d *Digests) Of(r *Reader, row *mapping.Row) (_ []identity.Hash, err error) {
	d.hashes = d.hashes[:0]
	if d.values, err = r.get.Values(row, d.values[:0]); err != nil {
		return nil, err
	}
	switch n := len(d.values); {
	case n > maxPerKind:
		return nil, pipeline.Reject(pipeline.StageIdentity, pipeline.TooManyElements, r.Field, "at most 10 values")
	case n == 0:
		return nil, r.unavailable(row)
	}
	for _, v := range d.values {
		h, err := r.hash(row, v)
		if err != nil {
			if err = d.leaveOut(r, err); err != nil {
				return nil, err
			}
		} else if !h.IsZero() {
			d.hashes = append(d.hashes, h)
			d.noteCorrected(r, row, v)
		}
	}
	return d.hashes, nil
}

// leaveOut returns the rejection of a value that has no hash, unless it is a placeholder.
func (d *Digests) leaveOut(r *Reader, err error) error {
	rule, ok := errors.AsType[identity.Rule](err)
	switch {
	case !ok:
		return err
	case !rule.Nobody():
		return identity.Reject(r.Field, err)
	}
	d.Notes.Add(r.Field, pipeline.LeftOut, rule.Error())
	d.Placeholder = cmp.Or(d.Placeholder, identity.Reject(r.Field, err))
	return nil
}

// Nobody is what becomes of a member's row without identifiers that has nothing to take out either.
func (r *Rules) Nobody(section string) error {
	if r.RequireIdentifier {
		return NoIdentifier(section)
	}
	return pipeline.SkipNoIdentifier
}

// noteCorrected tells of a phone number whose digits are not those that the row has.
func (d *Digests) noteCorrected(r *Reader, row *mapping.Row, v pipeline.Value) {
	if d.Notes == nil {
		return
	}
	phone, ok := r.hasher.(identity.Phone)
	if r.country != nil {
		phone, ok = r.phoneOf(row), true
	}
	if ok && phone.Corrects(row.Text(v)) {
		d.Notes.Add(r.Field, pipeline.Changed, identity.NoteCorrected)
	}
}

// NoIdentifier is the rejection of a row without identifiers.
func NoIdentifier(section string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageIdentity, pipeline.NoIdentifier, section, "at least one of the mapped identifiers")
}

func (r *Reader) unavailable(row *mapping.Row) error {
	if v, err := r.get.Value(row); err == nil && v.Kind() == pipeline.Unavailable {
		return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, r.Field, "a value read from the database")
	}
	return nil
}

// hash normalises and hashes a value; the zero Hash means that nothing was there. Its error is an identity.Rule or a
// *pipeline.Rejection.
func (r *Reader) hash(row *mapping.Row, v pipeline.Value) (h identity.Hash, err error) {
	switch v.Kind() {
	case pipeline.String, pipeline.JSON, pipeline.Int, pipeline.Decimal:
	default:
		return h, pipeline.Reject(pipeline.StageIdentity, pipeline.WrongType, r.Field, "text")
	}
	if r.country != nil {
		return r.phoneOf(row).Hash(row.Text(v))
	}
	return r.hasher.Hash(row.Text(v))
}

// phoneOf is the kind of phone of this row's country. A country that cannot be read is the sync's, if it has one.
func (r *Reader) phoneOf(row *mapping.Row) identity.Phone {
	phone := r.phone
	if v, err := r.country.Value(row); err == nil && v.Kind() == pipeline.String {
		phone.SetCountry(row.Text(v))
	}
	return phone
}
