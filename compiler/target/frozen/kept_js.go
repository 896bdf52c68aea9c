package frozen

import "embed"

// A browser has those of one architecture: each is a fiftieth of what travels.
//
//go:embed 5.10.zip 6.1.zip 6.12.zip 7.x.zip
var files embed.FS

var names = []string{"5.10", "6.1", "6.12", "7.x"}
