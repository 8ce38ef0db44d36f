#!/bin/sh
# Installs what the tests need beside Go: git (the judge of ignore rules) and setfattr/setfacl (extended attributes).
set -eu
missing=
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v setfacl >/dev/null 2>&1 || missing="$missing acl"
command -v setfattr >/dev/null 2>&1 || missing="$missing attr"
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	apt-get update -qq
	# shellcheck disable=SC2086
	apt-get install -y -qq $missing
else
	echo "the tests need:$missing" >&2
	exit 1
fi
