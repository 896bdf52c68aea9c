// Package lessons holds the lessons of ponytrace learn: a folder each, with a text
// (README.md), a script, the events that happen to it in the emulator, an exercise's
// solution and its check. Package internal/teach/lesson describes the files, and runs them.
package lessons

import "embed"

//go:embed */*
var Files embed.FS
