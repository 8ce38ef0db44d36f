package commands

// Colours of the terminal (SGR codes).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
)

// paint colours text on a terminal, unless NO_COLOR or --color says otherwise.
func (a *app) paint(code, text string) string {
	if text == "" || code == "" || !a.colored() {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[m"
}

func (a *app) colored() bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	return a.env.Terminal.Out && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && !a.flags.json
}
