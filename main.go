// Command evault is git for files that nobody else may read.
package main

import (
	"os"

	"evault/commands"
)

func main() { os.Exit(commands.Main(os.Args[1:])) }
