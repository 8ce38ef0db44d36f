package commands

import (
	"errors"

	"github.com/spf13/cobra"

	"evault/internal/vfs"
	"evault/repo"
)

func newConfig(a *app) *cobra.Command {
	return group("config", "Read and change settings",
		`Read and change the settings of this vault (.evault/config.toml) and of the user (config.toml in the configuration folder).
The vault's value counts where both are set. Settings that name a program to run are obeyed in the user's file alone.`,
		`  evault config set user.name "Ada Lovelace" --user
  evault config get user.name
  evault config list`,
		newConfigGet(a), newConfigSet(a), newConfigList(a))
}

func newConfigGet(a *app) *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:               "get KEY",
		Short:             "Print the value of one setting; exit code 1 if it is not set",
		Example:           `  evault config get user.name`,
		Args:              between(1, 1, "one key"),
		ValidArgsFunction: completeConfigKeys,
		RunE:              func(_ *cobra.Command, args []string) error { return a.runConfigGet(args[0], user) },
	}
	cmd.Flags().BoolVar(&user, "user", false, "look only in the user's file")
	return cmd
}

func newConfigSet(a *app) *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change one setting; an empty value unsets it",
		Example: `  evault config set user.name "Ada Lovelace" --user
  evault config set core.workers 2`,
		Args:              between(2, 2, "a key and a value"),
		ValidArgsFunction: completeConfigKeys,
		RunE:              func(_ *cobra.Command, args []string) error { return a.runConfigSet(args[0], args[1], user) },
	}
	cmd.Flags().BoolVar(&user, "user", false, "change the user's file and not the vault's")
	return cmd
}

func newConfigList(a *app) *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the settings; with -v all keys and what they mean",
		Example: `  evault config list -v`,
		Args:    between(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.runConfigList(user) },
	}
	cmd.Flags().BoolVar(&user, "user", false, "look only in the user's file")
	return cmd
}

func completeConfigKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, k := range repo.ConfigKeys() {
			names = append(names, k.Name+"\t"+k.Meaning)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// readSettings gives the user's settings, under those of the vault unless userOnly. Outside a vault only the user's count.
func (a *app) readSettings(userOnly bool) (repo.Config, error) {
	user, err := a.configOf(a.openConfigHome)
	if err != nil || userOnly {
		return user, err
	}
	vault, err := a.configOf(a.openVaultFolder)
	if errors.Is(err, repo.ErrNoVault) {
		return user, nil
	}
	return repo.MergeConfig(user, vault), err
}

func (a *app) configOf(open func() (vfs.FS, error)) (repo.Config, error) {
	fsys, err := open()
	if err != nil {
		return repo.Config{}, err
	}
	c, err := repo.ReadConfig(fsys)
	return c, errors.Join(err, fsys.Close())
}

// openVaultFolder opens .evault alone: settings are read and changed without unlocking anything.
func (a *app) openVaultFolder() (vfs.FS, error) {
	root, err := a.findVault()
	if err != nil {
		return nil, err
	}
	work, err := vfs.Open(root)
	if err != nil {
		return nil, err
	}
	fsys, err := work.Sub(repo.VaultDir)
	return fsys, errors.Join(err, work.Close())
}

type settingJSON struct {
	schema
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (a *app) runConfigGet(key string, userOnly bool) error {
	c, err := a.readSettings(userOnly)
	if err != nil {
		return err
	}
	value, err := repo.ConfigGet(c, key)
	if err != nil {
		return err
	}
	if value == "" {
		return reported(exitFailed) // as git: the absence is the answer
	}
	if a.flags.json {
		return a.emit(settingJSON{schemaOf("config"), key, value})
	}
	a.printf("%s\n", value)
	return nil
}

func (a *app) runConfigSet(key, value string, user bool) error {
	open := a.openVaultFolder
	if user {
		open = a.openConfigHome
	}
	fsys, err := open()
	if err != nil {
		return err
	}
	err = errors.Join(repo.ConfigSet(fsys, user, key, value), fsys.Close())
	if err == nil && a.flags.json {
		return a.emit(settingJSON{schemaOf("config"), key, value})
	}
	return err
}

func (a *app) runConfigList(userOnly bool) error {
	c, err := a.readSettings(userOnly)
	if err != nil {
		return err
	}
	if a.flags.verbose && !a.flags.json {
		return a.explainSettings(c)
	}
	for _, s := range repo.ConfigList(c) {
		if a.flags.json {
			if err := a.emit(settingJSON{schemaOf("config"), s.Key, s.Value}); err != nil {
				return err
			}
			continue
		}
		a.printf("%s=%s\n", s.Key, s.Value)
	}
	return nil
}

func (a *app) explainSettings(c repo.Config) error {
	for _, k := range repo.ConfigKeys() {
		value, err := repo.ConfigGet(c, k.Name)
		if err != nil {
			return err
		}
		where := ""
		if k.UserOnly {
			where = "; user's file only"
		}
		a.printf("%s=%s\n    %s%s\n", k.Name, value, k.Meaning, where)
	}
	return nil
}
