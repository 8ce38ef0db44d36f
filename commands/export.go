package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/repo"
)

type exportOptions struct {
	output, format, prefix string
}

func newExport(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export REV[:PATH]",
		Short: "Write a commit, or a folder of one, as a tar or zip archive",
		Long: `Write the files of a commit as an archive to stdout, or to a file, which appears only when it is complete. Tar keeps
everything that the vault knows of a file; zip keeps files, folders, links and modes. The archive is not encrypted.`,
		Example: `  evault export HEAD -o backup.tar
  evault export main:photos --format zip -o photos.zip
  evault export HEAD~1 --prefix project-1.0/ | gzip > project.tar.gz`,
		Args:              between(1, 1, "one REV[:PATH]"),
		ValidArgsFunction: a.completeRevisions(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runExport(cmd, o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE` (- is stdout)")
	f.StringVar(&o.format, "format", "", "tar or zip (default: as the name of the file says, else tar)")
	f.StringVar(&o.prefix, "prefix", "", "put `TEXT` before every name, as project-1.0/")
	return cmd
}

func (a *app) runExport(cmd *cobra.Command, o exportOptions, arg string) error {
	ctx := cmd.Context()
	if o.output == "-" {
		o.output = ""
	}
	switch o.format {
	case "tar", "zip":
	case "":
		o.format = formatOf(o.output)
	default:
		return usagef(cmd, "--format is tar or zip, not %q", o.format)
	}
	if o.output == "" && a.env.Terminal.Out {
		return usagef(cmd, "an archive is not written to a terminal; give -o FILE or redirect stdout")
	}
	if o.output == "" && a.flags.json {
		return usagef(cmd, "--json needs -o FILE: stdout cannot hold the archive as well")
	}
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		rev, p, _, err := v.splitPath(arg)
		if err != nil {
			return err
		}
		request := repo.ExportOptions{Revision: rev, Path: p, Format: o.format, Prefix: o.prefix}
		if o.output == "" {
			return v.Export(ctx, request, a.out)
		}
		return a.exportToFile(ctx, v, request, o.output)
	})
}

func formatOf(file string) string {
	if strings.EqualFold(filepath.Ext(file), ".zip") {
		return "zip"
	}
	return "tar"
}

type exportJSON struct {
	schema
	File   string `json:"file"`
	Format string `json:"format"`
	Bytes  int64  `json:"bytes"`
}

// exportToFile writes the archive beside its name and renames it when it is complete and durable.
func (a *app) exportToFile(ctx context.Context, v *openVault, request repo.ExportOptions, name string) error {
	file := a.absolute(name)
	if st, err := os.Stat(file); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file, and would be replaced", quoted(name))
	}
	dir, err := vfs.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	n, err := stageExport(ctx, v, request, dir, filepath.Base(file))
	if err = errors.Join(err, dir.Close()); err != nil {
		return err
	}
	if a.flags.json {
		return a.emit(exportJSON{schemaOf("export"), file, request.Format, n})
	}
	a.say("%s: %s\n", quoted(name), size(n))
	return nil
}

func stageExport(ctx context.Context, v *openVault, request repo.ExportOptions, dir vfs.FS, name string) (int64, error) {
	staged, err := vfs.Stage(dir, ".", 0o600)
	if err != nil {
		return 0, err
	}
	counter := &countingWriter{w: staged.File}
	if err := v.Export(ctx, request, counter); err != nil {
		return 0, errors.Join(err, staged.Abort())
	}
	return counter.n, staged.Commit(name)
}

// countingWriter counts what passes through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
