package commands

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// formatVersion is the format of vaults that this program writes and the newest that it reads.
const formatVersion = 1

type versionJSON struct {
	schema
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // built from a work tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Format   int    `json:"format"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program and of the format it writes",
		Example: `  evault version --json`,
		Args:    between(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.runVersion() },
	}
}

func (a *app) runVersion() error {
	v := buildVersion()
	if a.flags.json {
		return a.emit(v)
	}
	a.printf("evault %s\n", v.Version)
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = ", with changes"
		}
		a.printf("commit   %s%s\n", v.Commit, changed)
	}
	a.printf("built    %s, %s\nformat   %d\n", v.Go, v.Platform, v.Format)
	return nil
}

func buildVersion() versionJSON {
	v := versionJSON{schema: schemaOf("version"), Version: "(unknown)", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Format: formatVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
