// Package simulate runs a compiled object without a kernel: its programs in the emulator
// (compiler/emu), its maps in memory, its events as the caller gives them. What the script
// prints is drawn by the same parts as in a tracing session (package runtime), so the text
// is the same, byte for byte.
//
//	s, err := simulate.New(object, simulate.Options{Stdout: os.Stdout})
//	err = s.Begin()
//	for _, event := range events {
//		err = s.Fire(event)
//	}
//	code, err := s.End()
//
// Lessons and their checks, the stepper and the web page run on it, so it needs neither
// Linux nor privileges, and builds for js/wasm.
package simulate
