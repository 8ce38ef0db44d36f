#!/usr/bin/env bash
# The main job of evault for real: a folder is committed and pushed over TCP to a host that has no key; the original is
# deleted; another device clones it back with the passphrase, proves it and compares it. Everything runs on this machine and
# below one temporary folder, with three identities: laptop, host and desktop.
# The folder is the Go toolchain's own source; set DEMO_FOLDER for another.
set -euo pipefail
evault=$(realpath "${1:-bin/evault}")
source=${DEMO_FOLDER:-$(go env GOROOT)/src}
work=$(mktemp -d "${TMPDIR:-/tmp}/evault-demo.XXXXXX")
host_pid=
trap '[ -z "$host_pid" ] || kill "$host_pid" 2>/dev/null; chmod -R u+w "$work" && rm -rf "$work"' EXIT

as() { export EVAULT_CONFIG_HOME=$work/$1/config EVAULT_STATE_HOME=$work/$1/state; mkdir -p "$EVAULT_CONFIG_HOME" "$EVAULT_STATE_HOME"; }
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ evault %s\n' "$*"; local from=$(date +%s%N); "$evault" "$@"; printf '  (%d ms)\n' $((($(date +%s%N) - from) / 1000000)); }
wait_for() { for _ in $(seq 100); do grep -q "$2" "$1" 2>/dev/null && return; sleep 0.1; done; echo "nothing like $2 in $1:"; cat "$1"; exit 1; }
field() { sed -n "s/.*\"$2\":\"\\([^\"]*\\)\".*/\\1/p" "$1" | head -1; }

# pair_with_host lets the current identity and the host get to know each other by a code that is shown on one side and typed on
# the other. $1: what the host calls the device.
pair_with_host() {
	(as host && exec "$evault" pair --listen 127.0.0.1:0 --serve-address "$address" --name "$1" --no-qr --json >"$work/pair.out" 2>"$work/pair.err") &
	local pairing=$!
	wait_for "$work/pair.out" '"code"'
	local code where
	code=$(field "$work/pair.out" code)
	where=$(grep -o '"127\.0\.0\.1:[0-9]*"' "$work/pair.out" | head -1 | tr -d '"')
	echo "the host shows the code $code"
	run pair "$where" "$code" --name "${2:-friend}" | tee "$work/paired.out"
	wait "$pairing"
}

step "A folder: $(basename "$(dirname "$source")")/$(basename "$source")"
cp -a "$source" "$work/folder"
canary="canary-$RANDOM-$RANDOM-$RANDOM"
echo "contents with $canary" >"$work/folder/name-$canary.txt"
(cd "$work/folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums"
printf '%s files, %s\n' "$(wc -l <"$work/sums")" "$(du -sh --apparent-size "$work/folder" | cut -f1)"

step "Laptop: a new vault and the first commit"
as laptop
echo "seven unlikely words that only this demo knows: plover quartz" >"$work/passphrase"
cd "$work/folder"
run init --passphrase-file "$work/passphrase" --label laptop
run commit -q -A -m "first version"

step "Host: started without any key of the vault"
(as host && exec "$evault" serve --listen 127.0.0.1:0 --root "$work/host/root" >"$work/serve.out" 2>"$work/serve.err") &
host_pid=$!
wait_for "$work/serve.out" 'listening on'
cat "$work/serve.out"
address=$(sed -n 's/^listening on //p' "$work/serve.out" | head -1)

step "Laptop and host pair"
pair_with_host laptop

step "Laptop: push"
run push friend
run push friend
run status

step "What the host holds: $(find "$work/host/root" -type f | wc -l) files, $(du -sh --apparent-size "$work/host/root" | cut -f1)"
id=$("$evault" log -n 1 --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
for secret in "$canary" "$id" "first version"; do
	if grep -rqF -- "$secret" "$work/host" || find "$work/host" | grep -qF -- "$secret"; then
		echo "the host holds the plaintext $secret"
		exit 1
	fi
done
raw=$(printf '%s' "$id" | sed 's/../\\x&/g')
if grep -rqaP -- "$raw" "$work/host"; then
	echo "the host holds the bytes of the commit's ID"
	exit 1
fi
echo "no contents, no name, no message and no ID of the vault is in it"
printf 'and stock tools agree that every pack is what its name says: '
find "$work/host/root" -name '*.pack' | while read -r p; do echo "$(basename "$p" .pack)  $p"; done | sha256sum --check --quiet && echo yes

step "The laptop is lost, with its disk and its identity"
address_of_vault=$("$evault" remote list | sed -n 's/^friend\t//p')
cd "$work"
chmod -R u+w "$work/folder" && rm -rf "$work/folder" "$work/laptop"
echo "gone: $work/folder"

step "Desktop: the friend lets the new device in, and the passphrase opens the vault"
as desktop
pair_with_host desktop
run clone --passphrase-file "$work/passphrase" --label desktop "$address_of_vault" "$work/again"
cd "$work/again"
run verify
run verify --remote origin

step "Everything is back"
sha256sum --check --quiet "$work/sums" && echo "all $(wc -l <"$work/sums") files are identical"
run log --oneline
