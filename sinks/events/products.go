package events

import (
	"errors"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

const memberCount = 9 // productMembers

// productPlan reads properties.contents: a list of products, or one product in single columns.
type productPlan struct {
	names   [memberCount]string          // what the members are called in the list
	columns [memberCount]*mapping.Getter // or where each comes from
	steps   [memberCount]step            // the members as fields
	single  bool
}

func newProductPlan(f FieldConfig, cols *mapping.Columns, r redaction) *productPlan {
	p := &productPlan{single: f.Product != nil}
	for i, member := range productMembers {
		p.names[i] = member.name
		if name, ok := f.Members[member.name]; ok {
			p.names[i] = name
		}
		if field, ok := f.Product[member.name]; ok {
			p.columns[i] = field.Compile("properties.contents."+member.name, cols)
		}
		p.steps[i] = step{spec: &spec{name: memberField(-1, member.name), kind: member.kind, max: maxText}, redaction: r.of(member.kind, f.Product[member.name], p.columns[i])}
	}
	return p
}

// product is one product's members, in the order of productMembers.
type product [memberCount]pipeline.Value

const (
	memberID       = 0
	memberPrice    = 4
	memberQuantity = 5
	memberType     = 8 // read, as connectors have it, and left out: TikTok knows it of the whole event alone
)

// contents appends the array of products.
func (m *Maker) contents(dst []byte, s *step) ([]byte, error) {
	if s.products.single {
		return m.singleProduct(dst, s)
	}
	v, err := s.get.Value(m.row)
	if err != nil || missing(v) != "" {
		return dst, err
	}
	if v.Kind() == pipeline.String {
		v = pipeline.JSONValue(v.Bytes()) // what else could a text be here
	}
	if mapping.IsBlank(v) { // JSON's null
		return dst, nil
	}
	switch {
	case mapping.IsList(v):
		return m.productList(dst, s, v)
	case mapping.IsObject(v): // a product that is alone may come without its list
		dst, err = m.element(append(dst, '['), s, 0, v)
		return append(dst, ']'), err
	}
	return dst, invalid(pipeline.InvalidContents, s.spec.name, "a list of products")
}

// productList appends the products of a list; nothing where it is empty.
func (m *Maker) productList(dst []byte, s *step, v pipeline.Value) (_ []byte, err error) {
	start, n := len(dst), 0
	it := m.row.Elements(v)
	for ; it.Next(); n++ {
		if mapping.IsBlank(it.Value) {
			continue
		}
		if n == maxElements {
			return dst, invalid(pipeline.TooManyElements, s.spec.name, "at most 1000 products")
		}
		if dst, err = m.element(append(dst, separator(dst, start)), s, n, it.Value); err != nil {
			return dst, err
		}
	}
	switch {
	case it.Bad:
		return dst, invalid(pipeline.InvalidContents, s.spec.name, "well-formed JSON")
	case len(dst) == start:
		return dst, nil
	}
	return append(dst, ']'), nil
}

func separator(dst []byte, start int) byte {
	if len(dst) == start {
		return '['
	}
	return ','
}

// singleProduct appends the one product that is in columns, if any of them has a value.
func (m *Maker) singleProduct(dst []byte, s *step) ([]byte, error) {
	var p product
	found := false
	for i, get := range s.products.columns {
		if get == nil {
			continue
		}
		v, err := get.Value(m.row)
		if err != nil {
			return dst, err
		}
		if missing(v) == "" {
			p[i], found = v, true
		}
	}
	if !found {
		return dst, nil
	}
	dst, err := m.product(append(dst, '['), s, -1, &p)
	return append(dst, ']'), err
}

// element appends one product of a list.
func (m *Maker) element(dst []byte, s *step, index int, v pipeline.Value) ([]byte, error) {
	if !mapping.IsObject(v) {
		return dst, invalid(pipeline.InvalidContents, memberField(index, ""), "an object with content_id, price and the like")
	}
	var p product
	it, other := m.row.Members(v), ""
	for it.Next() {
		other = m.otherID(s, it.Name, other)
		for i, name := range s.products.names {
			if it.Name == name {
				p[i] = it.Value
			}
		}
	}
	if it.Bad {
		return dst, invalid(pipeline.InvalidContents, s.spec.name, "well-formed JSON")
	}
	if other != "" && missing(p[memberID]) != "" {
		m.notes.Add(s.spec.name, pipeline.Doubtful, "a product's "+other+" is not sent: map it, {each: …, content_id: "+other+"}")
	}
	return m.product(dst, s, index, &p)
}

// product appends an object of the members that have a value.
func (m *Maker) product(dst []byte, s *step, index int, p *product) (_ []byte, err error) {
	dst = append(dst, '{')
	start := len(dst)
	for i := range p {
		v := &p[i]
		if v.Kind() == pipeline.Missing || missing(*v) != "" {
			continue
		}
		if i == memberType {
			m.notes.Add(s.products.steps[i].spec.name, pipeline.LeftOut, "TikTok knows it of the whole event alone: map properties.content_type")
			continue
		}
		mark := len(dst)
		dst = append(appendKey(comma(dst), productMembers[i].name), ':')
		before := len(dst)
		if dst, err = m.member(dst, s, i, index, *v); err != nil {
			return dst, err
		}
		if len(dst) == before { // a placeholder
			dst = dst[:mark]
		} else if i == memberID && m.plan.ids {
			m.ids = append(append(m.ids, ','), dst[before:]...)
		}
	}
	if len(dst) == start {
		return dst, invalid(pipeline.InvalidContents, memberField(index, ""), "a value in at least one of content_id, price and the like")
	}
	if m.plan.sums {
		err = m.sum.add(p)
	}
	return append(dst, '}'), err
}

func appendKey(dst []byte, name string) []byte {
	return append(append(append(dst, '"'), name...), '"')
}

// member appends one member of a product.
func (m *Maker) member(dst []byte, s *step, member, index int, v pipeline.Value) ([]byte, error) {
	dst, err := m.scalar(dst, &s.products.steps[member], v)
	if err == nil {
		return dst, nil
	}
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		r.Field = memberField(index, productMembers[member].name)
	}
	return dst, err
}

// memberField names a product and its member: properties.contents[2].price.
func memberField(index int, member string) string {
	field := "properties.contents"
	if index >= 0 {
		field += "[" + strconv.Itoa(index) + "]"
	}
	if member != "" {
		field += "." + member
	}
	return field
}

// computed appends what is asked for of the products.
func (m *Maker) computed(dst []byte, s *step) []byte {
	switch {
	case s.spec.kind == texts && len(m.ids) == 0:
		return dst
	case s.spec.kind == texts:
		return append(append(append(dst, '['), m.ids[1:]...), ']')
	}
	if m.sum.products > 0 && s.spec.kind == number && m.sum.unpriced > 0 {
		m.notes.Add(s.spec.name, pipeline.LeftOut, "not every product has a price")
	}
	return m.sum.append(dst, s.spec.kind)
}

// productSum adds up the products, for `sum: contents`.
type productSum struct {
	products int
	unpriced int
	quantity int64
	value    float64
}

// add counts a product whose members have been found valid. One without quantity counts once.
func (s *productSum) add(p *product) error {
	quantity := int64(1)
	if missing(p[memberQuantity]) == "" {
		quantity, _ = wholeNumber(p[memberQuantity])
	}
	s.products++
	s.quantity += quantity
	if missing(p[memberPrice]) != "" {
		s.unpriced++
		return nil
	}
	var d decimal
	var text [maxDigits + 64]byte
	d.read(p[memberPrice])
	price, err := strconv.ParseFloat(alias(d.append(text[:0])), 64)
	s.value += price * float64(quantity)
	if err != nil || s.value > 1e300 {
		return invalid(pipeline.InvalidNumber, "properties.contents", "prices that have a sum")
	}
	return nil
}

// append appends the number of items or their value; nothing where there are no products, or not every one has a price.
// Fifteen digits leave out what binary fractions add to sums of prices.
func (s *productSum) append(dst []byte, k kind) []byte {
	switch {
	case s.products == 0 || k == number && s.unpriced > 0:
		return dst
	case k == whole:
		return strconv.AppendInt(dst, s.quantity, 10)
	}
	var d decimal
	var text [32]byte
	d.parse(strconv.AppendFloat(text[:0], s.value, 'e', 14, 64))
	return d.append(dst)
}
