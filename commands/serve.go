package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/api"
	"evault/remote/host"
	"evault/repo"
)

type serveOptions struct {
	listen, root, config, health, logFormat string
	stdio, scrub                            bool
	peer, allow                             string
}

func newServe(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Keep vaults for others, without being able to read them",
		Long: `Keep vaults for others in a folder, check all that can be checked without a key, and give them back. Nothing here can be
read by the host.

--listen serves the peers that "evault peer" lets in, over TLS, and prints its address and the ID of this device on the
first two lines; peers give both as evault://ADDRESS#ID. --stdio serves one peer that ssh has let in. --scrub reads every
pack once, compares it with its name, moves damaged ones away, and ends with exit code 20 if there were any; a listening
host does that by itself every week. SIGHUP has the peers read again; SIGINT and SIGTERM let requests finish.

docs/host/ tells how to run a host for good.`,
		Example: `  evault serve --listen :4722 --root /srv/evault
  evault serve --stdio --root /srv/evault --peer laptop
  evault serve --scrub --root /srv/evault`,
		Args: between(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runServe(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", "listen on `ADDR`, as :4722 or 192.168.1.5:4722; port 0 chooses one")
	f.BoolVar(&o.stdio, "stdio", false, "talk to one peer over standard input and output")
	f.BoolVar(&o.scrub, "scrub", false, "check every pack once and stop")
	f.StringVar(&o.root, "root", "", "keep everything in the folder `DIR`")
	f.StringVar(&o.config, "config", "", "the host's configuration is `FILE` (host.toml in the configuration folder)")
	f.StringVar(&o.peer, "peer", "", "with --stdio: the peer is `NAME` in the host's configuration")
	f.StringVar(&o.allow, "allow", host.DefaultPermissions.String(), "with --stdio: it may at most do `WHAT` of read, append, delete")
	f.StringVar(&o.health, "health", "", "answer http://`ADDR`/healthz, without TLS")
	f.StringVar(&o.logFormat, "log-format", "text", "log as text or json (`FORMAT`)")
	return cmd
}

// runServe finds out what is to be done and where.
func (a *app) runServe(cmd *cobra.Command, o serveOptions) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	return a.withHostConfig(o.config, func(fsys vfs.FS, name string) error {
		c, err := host.ReadConfig(fsys, name)
		if err != nil {
			return err
		}
		if o.listen == "" {
			o.listen = c.Serve.Listen
		}
		if o.root == "" {
			o.root = c.Serve.Root
		}
		switch {
		case o.root == "":
			return usagef(cmd, "serve needs --root, or root under [serve] in %s", name)
		case o.listen == "" && !o.stdio && !o.scrub:
			return usagef(cmd, "serve needs --listen or --stdio or --scrub, or listen under [serve] in %s", name)
		}
		return a.serveRoot(cmd.Context(), o, fsys, name)
	})
}

func (o *serveOptions) check(cmd *cobra.Command) error {
	modes := 0
	for _, set := range []bool{o.listen != "", o.stdio, o.scrub} {
		if set {
			modes++
		}
	}
	changed := cmd.Flags().Changed
	switch {
	case modes > 1:
		return usagef(cmd, "--listen, --stdio and --scrub exclude each other")
	case !o.stdio && (o.peer != "" || changed("allow")):
		return usagef(cmd, "--peer and --allow go with --stdio (for a listening host see \"evault peer\")")
	case (o.stdio || o.scrub) && o.health != "":
		return usagef(cmd, "--health goes with --listen")
	case o.logFormat != "text" && o.logFormat != "json":
		return usagef(cmd, "--log-format is text or json, not %q", o.logFormat)
	}
	if _, err := remote.ParsePermissions(o.allow); err != nil {
		return usagef(cmd, "--allow: %w", err)
	}
	if o.peer != "" {
		if err := host.CheckPeerName(o.peer); err != nil {
			return usagef(cmd, "--peer: %w", err)
		}
	}
	return nil
}

// serveRoot opens the host and does what was asked for.
func (a *app) serveRoot(ctx context.Context, o serveOptions, config vfs.FS, configName string) (err error) {
	root, err := a.openHostRoot(o.root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	h, err := host.Open(host.Options{Root: root, Config: config, ConfigName: configName, Log: a.hostLog(o),
		Now: a.env.Now, Software: "evault " + buildVersion().Version})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	switch {
	case o.scrub:
		return a.scrubHost(ctx, h)
	case o.stdio:
		return a.serveStdio(ctx, o, h)
	}
	return a.serveListen(ctx, o, h)
}

// openHostRoot opens the host's folder. It is made if it is missing and what it is to be in is there: what is not mounted
// must not be filled behind its back.
func (a *app) openHostRoot(dir string) (vfs.FS, error) {
	path := a.absolute(dir)
	for _, alien := range []struct{ name, what string }{
		{repo.VaultDir, "is a work tree"},
		{"id", "is the store of one vault, which is used as a folder and not served"},
	} {
		if _, err := os.Lstat(filepath.Join(path, alien.name)); err == nil {
			return nil, fmt.Errorf("--root: %s %s: name an empty folder", quoted(dir), alien.what)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("--root: %w", err)
	}
	root, err := vfs.OpenOrCreate(path)
	if err != nil {
		return nil, fmt.Errorf("--root: %w", err)
	}
	return root, nil
}

// hostLog writes to stderr. Over ssh that is what the user at the other end sees, so only what is wrong is said there.
func (a *app) hostLog(o serveOptions) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case a.flags.verbose:
		level = slog.LevelDebug
	case o.stdio:
		level = slog.LevelError
	case a.flags.quiet || o.scrub:
		level = slog.LevelWarn
	}
	options := &slog.HandlerOptions{Level: level}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.env.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.env.Stderr, options))
}

// serveStdio talks to the peer at the other end of stdin and stdout, on which nothing else is written.
func (a *app) serveStdio(ctx context.Context, o serveOptions, h *host.Host) error {
	allow, err := remote.ParsePermissions(o.allow)
	if err != nil {
		return err
	}
	pipe := host.Pipe{ReadCloser: closable(a.env.Stdin), WriteCloser: closableWriter{a.env.Stdout}}
	err = h.ServeStdio(ctx, pipe, api.Peer{Name: o.peer}, allow)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // told to stop
		return nil
	}
	return err
}

// closable gives a reader that can be closed, which ends a Read that waits.
func closable(r io.Reader) io.ReadCloser {
	if c, ok := r.(io.ReadCloser); ok {
		return c
	}
	return io.NopCloser(r)
}

// closableWriter closes what it writes to, if that can be closed.
type closableWriter struct{ io.Writer }

func (w closableWriter) Close() error {
	if c, ok := w.Writer.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

type serveJSON struct {
	schema
	Listen string `json:"listen"`
	Device string `json:"device"`
	URL    string `json:"url"`
}

// serveListen serves until it is told to stop.
func (a *app) serveListen(ctx context.Context, o serveOptions, h *host.Host) (err error) {
	id, err := a.hostIdentity()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopHealth, err := serveHealth(o.health, h)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := a.announce(listener.Addr(), id.DeviceID()); err != nil {
		return errors.Join(err, stopHealth(), listener.Close())
	}
	defer reloadOnHangup(ctx, h)()
	maintained := make(chan struct{})
	go func() {
		defer close(maintained)
		h.Maintain(ctx)
	}()
	err = h.Serve(ctx, listener, id.TLSKey())
	cancel()
	<-maintained
	return errors.Join(err, stopHealth())
}

func (a *app) hostIdentity() (*keys.Identity, error) {
	config, err := a.openConfigHome()
	if err != nil {
		return nil, err
	}
	id, _, err := repo.EnsureIdentity(repo.Places{Config: config}, a.settings())
	return id, errors.Join(err, config.Close())
}

// announce says at once where the host is: a script waits for it.
func (a *app) announce(at net.Addr, id keys.DeviceID) error {
	if a.flags.json {
		if err := a.emit(serveJSON{schemaOf("serve"), at.String(), id.String(), hostURL(at, id)}); err != nil {
			return err
		}
	} else {
		a.printf("listening on %s\n%s\n", at, id)
	}
	return a.out.Flush()
}

// hostURL is where others find the host. One that listens on every address is found by its name.
func hostURL(at net.Addr, id keys.DeviceID) string {
	u := remote.URL{Scheme: remote.SchemeEvault, Device: id}
	if tcp, ok := at.(*net.TCPAddr); ok {
		u.Host, u.Port = tcp.IP.String(), tcp.Port
		if tcp.IP.IsUnspecified() {
			u.Host = hostName()
		}
	}
	return u.String()
}
