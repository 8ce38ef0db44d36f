package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/remote"
	"evault/remote/storetest"
)

// withoutLinks makes a disk answer as one does that knows neither hard links nor renaming without replacing. A record's
// first renaming is that call; the second is the plain one.
func withoutLinks(disk *memfs.Memory, answer error) {
	seen := make(map[string]bool)
	disk.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.Rename && !seen[op.NewName] {
			seen[op.NewName] = true
			return answer
		}
		return nil
	})
}

func TestDiskWithoutLinks(t *testing.T) {
	for _, answer := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS} {
		disk, s, id := made(t)
		withoutLinks(disk, answer)
		w := storetest.NewWriter(t, id)
		all := w.Records(3)
		must(t, s.Append(t.Context(), all, nil))
		must(t, holdsRecords(s, w.Tag(), all...))

		withoutLinks(disk, answer)
		a, err := s.receiveData([]byte("another"))
		must(t, err)
		if err := a.publishNew(logDir(w.Tag()), seqName(1)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("error %v", err)
		}
		must(t, a.drop())
		disk.SetFault(nil)
		if got := contents(t, disk, logDir(w.Tag())+"/"+seqName(1)); !bytes.Equal(got, all[1]) {
			t.Error("a record was replaced")
		}
	}
}

// A record that appears between the look and the renaming is never replaced, and the caller told.
func TestPlaceTakenMeanwhile(t *testing.T) {
	disk, s, id := made(t)
	w := storetest.NewWriter(t, id)
	record := w.Record(nil)
	must(t, s.ensureDir(logDir(w.Tag())))
	writeFile(t, disk, logDir(w.Tag())+"/"+seqName(0), []byte("somebody else's"))
	b, err := newBatch(id, [][]byte{record})
	must(t, err)
	wantErr(t, s.publishRecords(t.Context(), b), remote.ErrConflict)
	if got := string(contents(t, disk, logDir(w.Tag())+"/"+seqName(0))); got != "somebody else's" {
		t.Errorf("record 0 is %q", got)
	}
	if left := names(t, disk, incomingDir); len(left) != 0 {
		t.Errorf("left in incoming/: %v", left)
	}
}

func TestErrorsOfTheDisk(t *testing.T) {
	for _, c := range []struct{ cause, want error }{
		{syscall.ENOSPC, remote.ErrFull},
		{syscall.EDQUOT, remote.ErrFull},
		{syscall.EACCES, remote.ErrRefused},
		{syscall.EPERM, remote.ErrRefused},
		{syscall.EROFS, remote.ErrRefused},
		{syscall.ENODEV, remote.ErrUnreachable},
		{syscall.ENXIO, remote.ErrUnreachable},
		{syscall.ESTALE, remote.ErrUnreachable},
		{syscall.ENOTCONN, remote.ErrUnreachable},
		{syscall.EHOSTDOWN, remote.ErrUnreachable},
		{syscall.ETIMEDOUT, remote.ErrUnreachable},
		{syscall.ELOOP, remote.ErrDamaged},
		{syscall.EIO, remote.ErrHost},
		{errors.New("whatever"), remote.ErrHost},
	} {
		err := describe("the folder", &fs.PathError{Op: "open", Path: "logs", Err: c.cause})
		wantErr(t, err, c.want, "the folder", "logs")
		wantErr(t, err, c.cause)
		if again := describe("twice", fmt.Errorf("inside: %w", err)); errors.Is(again, remote.ErrHost) != (c.want == remote.ErrHost) {
			t.Errorf("%v became %v", err, again)
		}
	}
	if err := describe("the folder", context.Canceled); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if err := describe("the folder", nil); err != nil {
		t.Errorf("error %v", err)
	}
}
