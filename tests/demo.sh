#!/usr/bin/env bash
# The main job of evault for real: two versions of a folder are committed, looked at, restored, compared and verified.
# The folder is the Go toolchain's own source; set DEMO_FOLDER for another. Nothing outside a temporary folder is touched.
set -euo pipefail
evault=$(realpath "${1:-bin/evault}")
source=${DEMO_FOLDER:-$(go env GOROOT)/src}
work=$(mktemp -d "${TMPDIR:-/tmp}/evault-demo.XXXXXX")
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
export EVAULT_CONFIG_HOME=$work/config EVAULT_STATE_HOME=$work/state

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ evault %s\n' "$*"; local from=$(date +%s%N); "$evault" "$@"; printf '  (%d ms)\n' $((($(date +%s%N) - from) / 1000000)); }

step "A folder: $(basename "$(dirname "$source")")/$(basename "$source")"
cp -a "$source" "$work/folder"
cd "$work/folder"
printf '%s files, %s\n' "$(find . -type f | wc -l)" "$(du -sh --apparent-size . | cut -f1)"

step "A new vault and the first version"
run init --no-passphrase --label demo
run add -A -q
run commit -q -m "first version"

step "Changes, and the second version"
cp -a "$work/folder" "$work/first" && rm -rf "$work/first/.evault"
echo "a new line" >>"$(find . -name '*.go' -not -path './.evault/*' | sort | head -1)"
rm -r "$(find . -mindepth 1 -maxdepth 1 -type d -not -name .evault | sort | tail -1)"
mkdir 'new folder' && printf 'hello\n' >'new folder/hëllo.txt'
"$evault" status --porcelain | cut -c1-2 | sort | uniq -c | sed 's/^/  changed: /'
run commit -q -A -m "second version"
run status
run log --oneline

step "Both versions come back, byte for byte"
run restore -q --source HEAD~1 --to "$work/one"
run restore -q --to "$work/two"
diff -r "$work/first" "$work/one" && echo "the first version is identical"
diff -r -x .evault "$work/folder" "$work/two" && echo "the second version is identical"

step "Everything is proved"
run verify

step "What it takes on disk"
printf 'folder %s, vault with both versions %s, in %s packs\n' "$(du -sh --apparent-size --exclude .evault . | cut -f1)" \
	"$(du -sh --apparent-size .evault/store | cut -f1)" "$(find .evault/store/packs -name '*.pack' | wc -l)"
printf 'stock tools agree: every pack is named by its SHA-256: '
find .evault/store/packs -name '*.pack' | while read -r p; do echo "$(basename "$p" .pack)  $p"; done | sha256sum --check --quiet && echo yes
