package repo

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"evault/objects"
)

// ExportOptions say what to export and how.
type ExportOptions struct {
	Revision string
	Path     string // a folder or file of the commit; empty: everything
	Format   string // "tar" or "zip"; empty: tar
	Prefix   string // put before every name
}

// Export writes a commit's files as an archive to w. A tar archive (PAX) holds owners, times to the nanosecond, extended
// attributes, hard links and devices; a zip archive holds files, folders and symbolic links with their modes.
func (r *Repository) Export(ctx context.Context, o ExportOptions, w io.Writer) error {
	m := r.settings.startMeter("exporting")
	defer m.close()
	e, err := r.ResolvePath(ctx, o.Revision, o.Path)
	if err != nil {
		return err
	}
	m.enter("exporting", int64(e.Bytes), int64(e.Entries))
	var a archiver
	switch o.Format {
	case "", "tar":
		a = &tarArchiver{repo: r, w: tar.NewWriter(w), links: map[uint64]string{}}
	case "zip":
		a = &zipArchiver{repo: r, w: zip.NewWriter(w)}
	default:
		return usagef("format %q is neither tar nor zip", o.Format)
	}
	add := func(full string, e *objects.Entry) error {
		m.add(1, int64(e.Size))
		name := o.Prefix + strings.TrimPrefix(strings.TrimPrefix(full, o.Path), "/")
		if name == o.Prefix { // a single file was asked for
			name = o.Prefix + path.Base(full)
		}
		if err := a.add(ctx, name, e); err != nil {
			return fmt.Errorf("%s: %w", full, err)
		}
		return nil
	}
	if e.IsDir() {
		err = r.listDir(ctx, o.Path, e, true, add)
	} else {
		err = add(o.Path, e)
	}
	return errors.Join(err, a.close(err == nil))
}

// archiver is one format of archive.
type archiver interface {
	add(ctx context.Context, name string, e *objects.Entry) error
	// close completes the archive, if it is worth completing.
	close(complete bool) error
}

type tarArchiver struct {
	repo  *Repository
	w     *tar.Writer
	links map[uint64]string // link group to the first name written
}

func (a *tarArchiver) close(complete bool) error {
	if !complete {
		return nil
	}
	return a.w.Close()
}

// paxXattr is the prefix under which GNU tar, bsdtar and star keep extended attributes.
const paxXattr = "SCHILY.xattr."

func (a *tarArchiver) add(ctx context.Context, name string, e *objects.Entry) error {
	h := &tar.Header{
		Name: name, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), Uname: e.User, Gname: e.Group,
		ModTime: time.Unix(e.Mtime.Sec, int64(e.Mtime.Nsec)), Format: tar.FormatPAX, PAXRecords: map[string]string{},
	}
	for _, x := range e.Xattrs {
		if strings.ContainsRune(x.Name, '=') {
			return fmt.Errorf("extended attribute %q has a name that tar cannot hold", x.Name)
		}
		h.PAXRecords[paxXattr+x.Name] = string(x.Value)
	}
	if first, ok := a.links[e.LinkGroup]; ok && e.LinkGroup != 0 {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		return a.w.WriteHeader(h)
	}
	if e.LinkGroup != 0 {
		a.links[e.LinkGroup] = name
	}
	switch e.Type {
	case objects.TypeFile:
		h.Typeflag, h.Size = tar.TypeReg, int64(e.Size)
	case objects.TypeDirectory:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case objects.TypeSymlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	case objects.TypeFifo:
		h.Typeflag = tar.TypeFifo
	case objects.TypeCharDevice:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, int64(e.Major), int64(e.Minor)
	case objects.TypeBlockDevice:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeBlock, int64(e.Major), int64(e.Minor)
	}
	if err := a.w.WriteHeader(h); err != nil {
		return err
	}
	if e.Type != objects.TypeFile {
		return nil
	}
	return a.repo.writeContent(ctx, e, a.w)
}

type zipArchiver struct {
	repo *Repository
	w    *zip.Writer
}

func (a *zipArchiver) close(complete bool) error {
	if !complete {
		return nil
	}
	return a.w.Close()
}

func (a *zipArchiver) add(ctx context.Context, name string, e *objects.Entry) error {
	h := &zip.FileHeader{Name: name, Modified: time.Unix(e.Mtime.Sec, int64(e.Mtime.Nsec)).UTC(), Method: zip.Deflate}
	mode := fs.FileMode(e.Mode & 0o777)
	switch e.Type {
	case objects.TypeFile:
	case objects.TypeDirectory:
		h.Name, h.Method, mode = name+"/", zip.Store, mode|fs.ModeDir
	case objects.TypeSymlink:
		mode |= fs.ModeSymlink
	default:
		return nil // zip has no word for it
	}
	h.SetMode(mode)
	w, err := a.w.CreateHeader(h)
	if err != nil {
		return err
	}
	switch e.Type {
	case objects.TypeFile:
		return a.repo.writeContent(ctx, e, w)
	case objects.TypeSymlink:
		_, err = io.WriteString(w, e.Target)
	}
	return err
}
