// Command site builds the page of package site into a folder: go run
// ./internal/teach/site/cmd/site .build/site
package main

import (
	"fmt"
	"os"

	"github.com/ponytrace/ponytrace/internal/teach/site"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: site FOLDER")
		os.Exit(2)
	}
	size, err := site.Build(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d KB, packed. Any web server hands it out: python3 -m http.server -d %[1]s\n", os.Args[1], size/1000)
}
