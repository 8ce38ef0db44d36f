#!/bin/sh
# Installs what the tests need beside Go: git (the judge of ignore rules and merges), patch (the judge of diffs), setfattr/setfacl (extended attributes),
# ssh and sshd (started by a test on a port of its own), ip (two network namespaces), and, for completion, the pager and the
# manual, shells with their own completion, less and mandoc, which only root installs: without them these tests say so.
set -eu
missing=
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v patch >/dev/null 2>&1 || missing="$missing patch"
command -v setfacl >/dev/null 2>&1 || missing="$missing acl"
command -v setfattr >/dev/null 2>&1 || missing="$missing attr"
command -v ssh >/dev/null 2>&1 || missing="$missing openssh-client"
command -v sshd >/dev/null 2>&1 || [ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
command -v ip >/dev/null 2>&1 || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || missing="$missing iproute2"
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	[ -e /usr/share/bash-completion/bash_completion ] || missing="$missing bash-completion"
	for program in zsh fish less mandoc; do
		command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
	done
fi
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
	echo "the tests need:$missing" >&2
	exit 1
fi
