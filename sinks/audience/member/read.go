package member

import (
	"errors"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// maxPerKind bounds the identifiers of one kind in a row.
const maxPerKind = 10

// Values appends the row's identifiers of this kind, to be hashed one by one. A row whose identifier is there but was not
// read from the database is rejected: taking it for absent would remove the member.
func (r *Reader) Values(row *mapping.Row, dst []pipeline.Value) ([]pipeline.Value, error) {
	start := len(dst)
	dst, err := r.get.Values(row, dst)
	if err != nil {
		return dst, err
	}
	switch n := len(dst) - start; {
	case n > maxPerKind:
		return dst, pipeline.Reject(pipeline.StageIdentity, pipeline.TooManyElements, r.Field, "at most 10 values")
	case n == 0:
		return dst, r.unavailable(row)
	}
	return dst, nil
}

func (r *Reader) unavailable(row *mapping.Row) error {
	if v, err := r.get.Value(row); err == nil && v.Kind() == pipeline.Unavailable {
		return pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, r.Field, "a value read from the database")
	}
	return nil
}

// Nobody says that a value is a placeholder. A row goes on without it; one that has no other identifier is rejected for it.
type Nobody struct{ Rejection *pipeline.Rejection }

func (n *Nobody) Error() string { return n.Rejection.Error() }

// Hash normalises and hashes one of the Values. The zero Hash means that nothing was there; the error is a *Nobody or a
// *pipeline.Rejection.
func (r *Reader) Hash(row *mapping.Row, v pipeline.Value) (h identity.Hash, err error) {
	switch v.Kind() {
	case pipeline.String, pipeline.JSON, pipeline.Int, pipeline.Decimal:
	default:
		return h, pipeline.Reject(pipeline.StageIdentity, pipeline.WrongType, r.Field, "text")
	}
	clear := row.Text(v)
	if r.country != nil {
		h, err = r.phoneOf(row).Hash(clear)
	} else {
		h, err = r.hasher.Hash(clear)
	}
	if rule, ok := errors.AsType[identity.Rule](err); ok && rule.Nobody() {
		return h, &Nobody{identity.Reject(r.Field, err)}
	}
	if err != nil {
		return h, identity.Reject(r.Field, err)
	}
	return h, nil
}

// phoneOf is the kind of phone of this row's country. A country that cannot be read is the sync's.
func (r *Reader) phoneOf(row *mapping.Row) identity.Phone {
	phone := r.phone
	if v, err := r.country.Value(row); err == nil && v.Kind() == pipeline.String {
		if country, ok := identity.ParseCountry(mapping.Trim(row.Text(v))); ok {
			phone.Country = country
		}
	}
	return phone
}
