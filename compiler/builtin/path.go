package builtin

import (
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var pathFunctions = []*Function{
	{
		Info: Info{Name: "path", Signature: "string path(struct path *p [, int size])",
			Doc:     "The name of a file with all its folders, as the current process sees it, at most size bytes (max_strlen). The kernel allows it only at the entry and return of vfs_truncate, vfs_fallocate, vfs_getattr, dentry_open, filp_close, security_file_open, security_file_permission, security_inode_getattr and security_path_truncate, through fentry and fexit, and in iter, and only for what their arguments lead to.",
			Example: `kprobe:vfs_getattr { printf("%s looks at %s\n", comm, path(args.path)) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkPath, Into: lowerPath, Tracing: true, HandsContext: true,
	},
}

func checkPath(c Checker, call *lang.Call) *types.Type {
	size := stringSize(c, call)
	t := c.Type(call.Args[0])
	switch {
	case t.Kind == types.None:
		return types.NoValue
	case !isPath(t) && !(t.Kind == types.Pointer && isPath(t.Elem)):
		c.Errorf(call.Args[0].Range(), "path() wants a struct path or a pointer to one, not %s", t)
		return types.NoValue
	}
	checkPathPlace(c, call, t)
	if len(call.Args) == 2 {
		if _, known := c.Integer(call.Args[1]); !known && c.Type(call.Args[1]).Integer() {
			c.Errorf(call.Args[1].Range(), "the size in path() must be known before tracing starts")
		}
	}
	return types.NewString(size)
}

func isPath(t *types.Type) bool { return t != nil && t.Kind == types.Struct && t.Name == "path" }

// checkPathPlace reports probes in which the kernel's verifier refuses bpf_d_path.
func checkPathPlace(c Checker, call *lang.Call, t *types.Type) {
	scope := c.Scope()
	switch {
	case !scope.Mechanism.Typed():
		c.Errorf(call.Span, "path() works in kprobes and kretprobes that are attached through fentry, not in %s by %s", scope.Probe.Name, scope.Mechanism)
	case scope.Mechanism.Iterates() && !c.Target().Features.IteratorPaths:
		c.Errorf(call.Span, "path() in iterators needs Linux 5.12, and this is %s", c.Target().Version)
	case !scope.Mechanism.Iterates() && (scope.Function == nil || !target.TakesPath(scope.Function.Name)):
		c.Errorf(call.Span, "the kernel does not allow path() in this function")
		c.Hint("it does in %s", strings.Join(target.PathFunctions(), ", "))
	case !t.Trusted:
		c.Errorf(call.Args[0].Range(), "the kernel allows path() only for what an argument of the function leads to, followed with -> and . alone")
	}
}

// lowerPath copies the text, because the helper leaves parts of it behind its end.
func lowerPath(l Lowering, call *lang.Call, to Place) {
	address := l.Address
	if l.Type(call.Args[0]).Kind == types.Pointer {
		address = l.Value
	}
	b, size := l.IR(), l.Type(call).Size
	text := Place{Space: ir.Frame, Address: b.SlotAddress(b.NewSlot("path", size))}
	l.Zero(text, size)
	helper(l, asm.FnDPath, ir.Writes, address(call.Args[0]), text.Address, b.Const(int64(size)))
	helper(l, asm.FnProbeReadKernelStr, ir.Writes, l.Pointer(to), b.Const(int64(size)), text.Address)
}
