package repo

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"evault/refs"
	"evault/remote"
)

// trackingPrefix begins the refs that say where the branches of remotes were when they were last seen:
// remotes/<remote>/<branch>.
const trackingPrefix = "remotes/"

// Remote is one configured remote.
type Remote struct {
	Name     string
	URL      string
	Branches []refs.Ref // as last seen, Name without prefix, ascending
}

// Remotes lists the remotes, by name.
func (r *Repository) Remotes() []Remote {
	var out []Remote
	for _, name := range slices.Sorted(maps.Keys(r.config.Remotes)) {
		one := Remote{Name: name, URL: r.config.Remotes[name].URL}
		for full, id := range r.refs.View().All() {
			if branch, ok := strings.CutPrefix(full, trackingPrefix+name+"/"); ok {
				one.Branches = append(one.Branches, refs.Ref{Name: branch, ID: id})
			}
		}
		out = append(out, one)
	}
	return out
}

// AddRemoteOptions are the choices of AddRemote.
type AddRemoteOptions struct {
	// NewStore forgets which store was seen under this name and address before: what a user says who has put another disk
	// in its place, or whose friend began anew.
	NewStore bool
}

// AddRemote gives an address a name. It talks to nobody.
func (r *Repository) AddRemote(_ context.Context, name, address string, o AddRemoteOptions) (Remote, error) {
	u, err := r.checkRemote(name, address)
	if err != nil {
		return Remote{}, err
	}
	if known, ok := r.config.Remotes[name]; ok && (!o.NewStore || known.URL != u.String()) {
		return Remote{}, conflictf("there is a remote %q already: %s", name, known.URL)
	}
	if o.NewStore {
		if err := r.forgetStore(name, u); err != nil {
			return Remote{}, err
		}
	}
	r.noteInside(u)
	return Remote{Name: name, URL: u.String()}, r.writeRemotes(func(all map[string]RemoteConfig) { all[name] = RemoteConfig{u.String()} })
}

// noteInside warns of a folder that is part of the work tree: it would be committed into the vault that it is a copy of.
func (r *Repository) noteInside(u remote.URL) {
	below, err := filepath.Rel(r.places.WorkPath, u.Path)
	if u.Scheme == remote.SchemeFile && err == nil && filepath.IsLocal(below) {
		r.notes = append(r.notes, fmt.Sprintf("%s is inside the work tree: name it in .evaultignore, or a commit takes it in", u.Path))
	}
}

func (r *Repository) checkRemote(name, address string) (remote.URL, error) {
	if err := checkRemoteName(name); err != nil {
		return remote.URL{}, err
	}
	u, err := remote.ParseURL(address, r.settings.Dir)
	if err != nil {
		return u, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if u.Vault.IsZero() {
		u.Vault = r.vault.ID()
	}
	if u.Vault != r.vault.ID() {
		return u, conflictf("the address names vault %s, and this is vault %s", u.Vault, r.vault.ID())
	}
	return u, nil
}

// checkRemoteName holds the names of remotes to the rules of refs, and to one component: friend/main must not be ambiguous.
func checkRemoteName(name string) error {
	if strings.Contains(name, "/") {
		return usagef("a remote's name holds no slash: %q", name)
	}
	if err := refs.ValidateBranchName(name); err != nil {
		return &kindError{ErrUsage, fmt.Sprintf("a remote cannot be called %q", name), err}
	}
	return nil
}

// RemoveRemote forgets a remote and what was seen of its branches. What is stored there stays there.
func (r *Repository) RemoveRemote(ctx context.Context, name string) error {
	known, err := r.findRemote(name)
	if err != nil {
		return err
	}
	if u, err := remote.ParseURL(known.URL, ""); err == nil {
		if err := r.forgetStore(name, u); err != nil {
			return err
		}
	}
	if err := r.moveTracking(ctx, name, ""); err != nil {
		return err
	}
	return r.writeRemotes(func(all map[string]RemoteConfig) { delete(all, name) })
}

// RenameRemote gives a remote another name.
func (r *Repository) RenameRemote(ctx context.Context, old, name string) error {
	known, err := r.findRemote(old)
	if err != nil {
		return err
	}
	if err := checkRemoteName(name); err != nil {
		return err
	}
	if _, ok := r.config.Remotes[name]; ok {
		return conflictf("there is a remote %q already", name)
	}
	if u, err := remote.ParseURL(known.URL, ""); err == nil {
		if err := r.renameStorePin(old, name, u); err != nil {
			return err
		}
	}
	if err := r.moveTracking(ctx, old, name); err != nil {
		return err
	}
	return r.writeRemotes(func(all map[string]RemoteConfig) {
		delete(all, old)
		all[name] = known
	})
}

// SetRemoteURL changes the address of a remote.
func (r *Repository) SetRemoteURL(_ context.Context, name, address string) (Remote, error) {
	if _, err := r.findRemote(name); err != nil {
		return Remote{}, err
	}
	u, err := r.checkRemote(name, address)
	if err != nil {
		return Remote{}, err
	}
	return Remote{Name: name, URL: u.String()}, r.writeRemotes(func(all map[string]RemoteConfig) { all[name] = RemoteConfig{u.String()} })
}

// moveTracking renames the remote-tracking branches of a remote, or with an empty name removes them.
func (r *Repository) moveTracking(ctx context.Context, old, name string) error {
	op := refs.Operation{Name: "remote", Description: "remove " + old}
	if name != "" {
		op.Description = "rename " + old + " to " + name
	}
	for full, id := range r.refs.View().All() {
		branch, ok := strings.CutPrefix(full, trackingPrefix+old+"/")
		if !ok {
			continue
		}
		op.Changes = append(op.Changes, refs.Change{Name: full, Old: id})
		if name != "" {
			to := trackingPrefix + name + "/" + branch
			was, _ := r.refs.View().Ref(to)
			if was != id {
				op.Changes = append(op.Changes, refs.Change{Name: to, Old: was, New: id})
			}
		}
	}
	if len(op.Changes) == 0 {
		return nil
	}
	return r.record(ctx, op)
}

func (r *Repository) findRemote(name string) (RemoteConfig, error) {
	known, ok := r.config.Remotes[name]
	if ok {
		return known, nil
	}
	if len(r.config.Remotes) == 0 {
		return known, usagef("there is no remote %q: \"evault remote add %s URL\" makes it known", name, name)
	}
	near := nearName(name, maps.Keys(r.config.Remotes))
	return known, usagef("there is no remote %q%s (there are %s)", name, near, strings.Join(slices.Sorted(maps.Keys(r.config.Remotes)), ", "))
}

// defaultRemote is the remote of a verb that names none: the only one, or the one called origin.
func (r *Repository) defaultRemote() (string, error) {
	if _, ok := r.config.Remotes["origin"]; ok {
		return "origin", nil
	}
	names := slices.Sorted(maps.Keys(r.config.Remotes))
	switch len(names) {
	case 0:
		return "", usagef("no remote is known yet: \"evault remote add NAME URL\" adds one")
	case 1:
		return names[0], nil
	}
	return "", usagef("say which remote: %s", strings.Join(names, ", "))
}

// writeRemotes edits the remotes in the vault's own configuration.
func (r *Repository) writeRemotes(edit func(map[string]RemoteConfig)) error {
	c, err := ReadConfig(r.places.Vault)
	if err != nil {
		return err
	}
	if c.Remotes == nil {
		c.Remotes = map[string]RemoteConfig{}
	}
	edit(c.Remotes)
	if err := writeConfig(r.places.Vault, c); err != nil {
		return err
	}
	r.config.Remotes = c.Remotes
	return nil
}
