package identity

// VendorID normalises Apple's id of a device for a vendor (IDFV), which TikTok takes in clear: the groups of a UUID, in the upper case in
// which Apple writes them. It leaves through Append alone; nothing of this package holds one, so that nothing can print it.
type VendorID struct{}

// Append appends the id, and nothing where the text is blank. A digest is refused: TikTok takes this id as it is.
func (VendorID) Append(dst, clear []byte) ([]byte, error) {
	text, err := gate{algorithm: SHA256, mode: Raw}.admit(clear, &Hash{})
	if text == nil {
		return dst, err
	}
	id, err := DeviceID{Upper: true}.normalise(dst, text)
	if err != nil {
		return dst, err
	}
	return id, nil
}
