//go:build !js

package frozen

import "embed"

//go:embed *.zip
var files embed.FS

var names = []string{"5.10", "6.1", "6.12", "7.x", "6.12-arm64"}
