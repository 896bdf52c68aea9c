package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var timeFunctions = []*Function{
	{
		Info: Info{Name: "nsecs", Signature: "uint64 nsecs([monotonic | boot | tai | sw_tai])",
			Doc:     "Nanoseconds of the monotonic clock, which starts at boot and stands still while the machine sleeps. nsecs(boot) goes on then; nsecs(tai) is atomic time since 1970 (Linux 6.1); nsecs(sw_tai) the same by an offset that ponytrace reads when it starts.",
			Example: `kprobe:vfs_read { @start[tid] = nsecs; @awake = nsecs(boot) - nsecs }`},
		MaxArgs: 1, Check: checkClock, Lower: lowerClock, Bare: true,
	},
	{
		Info: Info{Name: "elapsed", Signature: "uint64 elapsed",
			Doc:     "Nanoseconds since ponytrace began to trace.",
			Example: `interval:s:1 { printf("%d s\n", elapsed / 1s) }`},
		Check: always(types.Uint64), Bare: true,
		Lower: func(l Lowering, _ *lang.Call) *ir.Value {
			now := helper(l, asm.FnKtimeGetNs, ir.Reads)
			return l.IR().Binary(ir.Sub, now, data(l, object.DataStart))
		},
	},
	{
		Info: Info{Name: "jiffies", Signature: "uint64 jiffies",
			Doc:     "The kernel's count of timer ticks.",
			Example: `interval:s:1 { printf("%d\n", jiffies) }`},
		Check: always(types.Uint64), Lower: plainHelper(asm.FnJiffies64, ir.Reads), Bare: true,
	},
	{
		Info: Info{Name: "strftime", Signature: "timestamp strftime(string format, uint64 ns)",
			Doc:     `A time of nsecs as text, in the format of C's strftime and the time zone of TZ, else of /etc/localtime; %f is microseconds.`,
			Example: `kprobe:vfs_read { printf("%s %s\n", strftime("%H:%M:%S", nsecs), comm) }`},
		MinArgs: 2, MaxArgs: 2, Check: checkStrftime, Lower: lowerStrftime,
	},
}

func checkClock(c Checker, call *lang.Call) *types.Type {
	if mode(c, call, "monotonic", "boot", "tai", "sw_tai") == "tai" && !c.Target().Helper(asm.FnKtimeGetTaiNs) {
		c.Errorf(call.Args[0].Range(), "the clock tai needs Linux 6.1, and this is %s", c.Target().Version)
		c.Hint("nsecs(sw_tai) is the same by an offset that ponytrace reads when it starts")
	}
	return types.Uint64
}

func lowerClock(l Lowering, call *lang.Call) *ir.Value {
	switch word(call, 0) {
	case "boot":
		return helper(l, asm.FnKtimeGetBootNs, ir.Reads)
	case "tai":
		return helper(l, asm.FnKtimeGetTaiNs, ir.Reads)
	case "sw_tai":
		now := helper(l, asm.FnKtimeGetNs, ir.Reads)
		return l.IR().Binary(ir.Add, now, runtimeConst(l, object.TAIOffset, "", call))
	}
	return helper(l, asm.FnKtimeGetNs, ir.Reads)
}

func checkStrftime(c Checker, call *lang.Call) *types.Type {
	format, ok := checkFormat(c, call)
	if !wantNumber(c, call, 1) || !ok {
		return types.NoValue
	}
	return &types.Type{Kind: types.Timestamp, Size: 8, Name: format}
}

// lowerStrftime reads the clock that prints right where another one is asked for the
// present moment: strftime("%H", nsecs(tai)).
func lowerStrftime(l Lowering, call *lang.Call) *ir.Value {
	if clock, direct := lang.Unparen(call.Args[1]).(*lang.Call); direct && clock.Name == "nsecs" {
		return helper(l, asm.FnKtimeGetNs, ir.Reads)
	}
	return l.Value(call.Args[1])
}
