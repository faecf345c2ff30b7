package identity

// DeviceID hashes advertising ids of phones: Apple's IDFA, Google's GAID (AAID). The zero DeviceID is GAID by SHA-256,
// and IDFA in audiences, which want all ids in one case. The other forms:
//
//	IDFA in events         DeviceID{Upper: true}
//	IDFA_MD5 and GAID_MD5  DeviceID{MD5: true}
type DeviceID struct {
	Mode  Mode
	MD5   bool
	Upper bool // hash the id in upper case
}

// Hash hashes one id. See the package comment for the outcomes. An id without dashes looks like an MD5 digest and is
// taken for one, but for zeros.
func (d DeviceID) Hash(clear []byte) (h Hash, err error) {
	if len(clear) == len(zeroDevice)-len("----") && onlyZeros(clear) {
		return h, RuleZeroDeviceID
	}
	algorithm := SHA256
	if d.MD5 {
		algorithm = MD5
	}
	text, err := gate{algorithm: algorithm, mode: d.Mode}.admit(clear, &h)
	if text == nil {
		return h, err
	}
	var buf [len(zeroDevice)]byte
	id, err := d.normalise(buf[:0], text)
	if err == nil {
		h.fill(algorithm, id)
	}
	return h, err
}

func (d DeviceID) normalise(dst, text []byte) ([]byte, error) {
	if !isDeviceID(text) {
		return nil, RuleNotADeviceID
	}
	zeros := true
	for _, c := range text {
		zeros = zeros && (c == '0' || c == '-')
		dst = append(dst, d.fold(c))
	}
	if zeros {
		return nil, RuleZeroDeviceID
	}
	return dst, nil
}

func (d DeviceID) fold(c byte) byte {
	switch {
	case d.Upper && 'a' <= c && c <= 'f':
		return c - 'a' + 'A'
	case !d.Upper && 'A' <= c && c <= 'F':
		return c - 'A' + 'a'
	}
	return c
}

// isDeviceID wants the groups of a UUID, counted from the end. The first may be short, because the sample id that
// TikTok prints has six digits there.
func isDeviceID(text []byte) bool {
	first := len(text) - len("-0000-0000-0000-000000000000")
	if first < 6 || first > 8 {
		return false
	}
	for i, c := range text {
		switch i - first {
		case 0, 5, 10, 15:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}
