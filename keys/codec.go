package keys

import (
	"encoding/hex"
	"errors"
	"fmt"

	"evault/internal/wire"
)

// errCodec is wrapped by what a decoder refuses; the decoders of files add ErrTampered.
var errCodec = errors.New("malformed")

// decoder reads fields and knows the lists of this package. Its errors wrap errCodec, or ErrNewer.
type decoder struct{ wire.Decoder }

func newDecoder(body []byte) *decoder {
	return &decoder{wire.NewDecoder(body, func(f wire.Fault) error { return fmt.Errorf("%w: %w", errCodec, f) })}
}

// fail refuses what breaks a rule of the format.
func (d *decoder) fail(format string, args ...any) {
	if d.Err() == nil {
		d.Fail(fmt.Errorf("%w: %s", errCodec, fmt.Sprintf(format, args...)))
	}
}

// decodeHex32 reads exactly 64 lower-case hexadecimal digits.
func decodeHex32(s string, out *[32]byte) error {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 32 || hex.EncodeToString(raw) != s {
		return fmt.Errorf("%w: not 64 lower-case hexadecimal digits", errCodec)
	}
	copy(out[:], raw)
	return nil
}
