package main

import (
	"runtime/debug"
	"strings"
)

// version is set by the linker for a release.
var version = ""

// versionText is the release's, or else what the go command noted about the build: the
// version of the module, or the commit that it was built from.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of an unknown build"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	return commitOf(info)
}

func commitOf(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit == "" {
		return "development"
	}
	text := "development, commit " + commit[:min(len(commit), 12)] + " of " + settings["vcs.time"]
	if settings["vcs.modified"] == "true" {
		text += ", with changes"
	}
	return text
}
