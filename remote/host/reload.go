package host

import (
	"errors"
	"io/fs"
	"time"

	"evault/internal/vfs"
)

const (
	// lookEvery is how often the configuration is looked at, at most.
	lookEvery = time.Second
	// lookTick is how often it is asked whether it is time to look, so that a revoked peer is out within two seconds.
	lookTick = lookEvery / 4
)

// fileStamp tells one version of a file from another: Publish gives each a new inode, an editor a new time.
type fileStamp struct {
	there bool
	mtime vfs.Time
	size  int64
	ino   uint64
}

// Reload reads the configuration again, whether it has changed or not, and ends the connections of peers that it no longer
// lets in. If it cannot be obeyed, the one before goes on to count.
func (h *Host) Reload() error {
	h.loaded.Lock()
	defer h.loaded.Unlock()
	return h.read()
}

// look reads the configuration again if it has changed and nobody has looked for so long.
func (h *Host) look(every time.Duration) {
	if h.o.Config == nil || !h.loaded.TryLock() { // somebody else is looking
		return
	}
	defer h.loaded.Unlock()
	now := time.Now()
	if since := now.Sub(h.looked); since >= 0 && since < every {
		return
	}
	h.looked = now
	if stamp, err := h.stamp(); err == nil && stamp == h.seen {
		return
	}
	if err := h.read(); err != nil {
		h.o.Log.Error("the configuration cannot be obeyed; the one before goes on to count", "error", err)
		return
	}
	h.o.Log.Info("read the configuration again", "peers", len(h.config.Load().Peers))
}

// read reads the configuration. A broken one is remembered as seen, so that it is complained of once.
func (h *Host) read() error {
	if h.o.Config == nil {
		h.config.Store(&Config{})
		return nil
	}
	stamp, err := h.stamp() // before the contents: what changes in between is read again
	if err != nil {
		return err
	}
	h.seen = stamp
	c, err := ReadConfig(h.o.Config, h.o.ConfigName)
	if err != nil {
		return err
	}
	h.config.Store(c)
	h.endRefused(c)
	return nil
}

func (h *Host) stamp() (fileStamp, error) {
	st, err := h.o.Config.LstatStat(h.o.ConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return fileStamp{}, nil
	}
	return fileStamp{true, st.Mtime, st.Size, st.Ino}, err
}

// endRefused closes the connections of devices that are no longer peers.
func (h *Host) endRefused(c *Config) {
	for _, id := range h.conns.devices() {
		if p := c.PeerByDevice(id); p == nil || p.Revoked {
			n := h.conns.closeDevice(id)
			h.o.Log.Info("closed the connections of a device that is no peer any more", "device", id.String(), "connections", n)
		}
	}
}

// ReloadNow is Reload for a signal handler: what goes wrong goes into the log.
func (h *Host) ReloadNow() {
	if err := h.Reload(); err != nil {
		h.o.Log.Error("the configuration cannot be obeyed; the one before goes on to count", "error", err)
		return
	}
	h.o.Log.Info("read the configuration again", "peers", len(h.config.Load().Peers))
}

// Healthy says whether the host can get at its folder. The reason why not goes into the log, too.
func (h *Host) Healthy() error {
	_, err := h.o.Root.LstatStat(".")
	if err != nil {
		h.o.Log.Error("the host's folder cannot be used", "error", err)
	}
	return err
}
