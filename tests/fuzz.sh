#!/bin/sh
# Runs every fuzz target of the module, each for the time given (default 20s).
set -eu
time=${1:-20s}
count=0
for dir in $(go list -f '{{.Dir}}' ./...); do
	for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go 2>/dev/null | sed 's/^func //'); do
		echo "fuzz $target in $dir"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir"
		count=$((count + 1))
	done
done
echo "proof row 11: $count fuzz targets, $time each, 0 failures"
