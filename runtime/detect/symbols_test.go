package detect

import "testing"

// TestSymbolTable asks for names by search and in the set, which must agree.
func TestSymbolTable(t *testing.T) {
	const text = "ffffffff81000000 T startup_64\n" +
		"ffffffff81000010 t __x64_sys_getppid\n" +
		"ffffffff81000020 D jiffies\n" +
		"ffffffffc0000000 t nullb_init\t[null_blk]\n" +
		"ffffffff81000030 W weak\n"
	names := functionNames([]byte(text))
	for name, want := range map[string]bool{
		"startup_64": true, "__x64_sys_getppid": true, "nullb_init": true, "weak": true,
		"jiffies": false, "startup": false, "sys_getppid": false, "": false,
	} {
		if names[name] != want || listsFunction([]byte(text), name) != want {
			t.Errorf("%q: %t in the set, %t in the text, not %t",
				name, names[name], listsFunction([]byte(text), name), want)
		}
	}
}
