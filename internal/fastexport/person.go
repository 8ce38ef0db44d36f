package fastexport

import (
	"strconv"
	"strings"
)

// Person is who did something, and when.
type Person struct {
	Name  string
	Email string
	Sec   int64 // since 1970-01-01 UTC
	// Zone is minutes east of UTC, as far as the four digits can be understood as hours and minutes; ZoneText is what the
	// stream has, which can be anything that somebody once wrote into a repository: "-0730", "+51800".
	Zone     int
	ZoneText string
	// Odd says that the line is not of the usual form, so that what could not be found in it is zero.
	Odd bool
}

// parsePerson reads "NAME <EMAIL> SECONDS ZONE". git writes out what its objects hold, and those of old programs hold
// all kinds of things; what cannot be understood is no reason to refuse a history, so the rest is zero and Odd set.
func parsePerson(text string) Person {
	open, shut := strings.IndexByte(text, '<'), strings.LastIndexByte(text, '>')
	if open < 0 || shut < open {
		return Person{Name: strings.TrimSpace(text), Odd: true}
	}
	p := Person{Name: strings.TrimSpace(text[:open]), Email: strings.TrimSpace(text[open+1 : shut])}
	when, zone, found := strings.Cut(strings.TrimSpace(text[shut+1:]), " ")
	sec, err := strconv.ParseInt(when, 10, 64)
	if err != nil {
		p.Odd = true
		return p
	}
	p.Sec, p.ZoneText = sec, zone
	minutes, ok := zoneMinutes(zone)
	p.Zone, p.Odd = minutes, !found || !ok
	return p
}

// zoneMinutes reads a sign, hours and two digits of minutes.
func zoneMinutes(text string) (int, bool) {
	if len(text) < 4 || len(text) > 8 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[1:], 10, 32)
	if err != nil {
		return 0, false
	}
	minutes := int(n/100)*60 + int(n%100)
	if text[0] == '-' {
		minutes = -minutes
	}
	return minutes, len(text) == 5 && n%100 < 60
}

// Who gives name and address as git shows them: "NAME <EMAIL>".
func (p *Person) Who() string {
	switch {
	case p.Email == "":
		return p.Name
	case p.Name == "":
		return "<" + p.Email + ">"
	}
	return p.Name + " <" + p.Email + ">"
}
