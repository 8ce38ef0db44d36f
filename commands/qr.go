package commands

import (
	"strings"

	"github.com/mdp/qrterminal/v3"
)

// qrCode draws a text as a QR code of half blocks, for a terminal: light on dark and dark on light both scan, since a quiet
// zone is drawn around it. It is for texts up to a few hundred bytes.
func qrCode(text string) string {
	var b strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: &b, HalfBlocks: true, QuietZone: 2,
		BlackChar: qrterminal.BLACK_BLACK, BlackWhiteChar: qrterminal.BLACK_WHITE,
		WhiteChar: qrterminal.WHITE_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
	return b.String()
}
