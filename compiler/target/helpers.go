package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// helpersSince says which version of Linux brought the helpers that tracing programs use
// and that 5.4 lacks; all others are taken to be everywhere. Checked against enum
// bpf_func_id of 5.10, 6.1, 6.12 and 7.3; descriptions:
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/bpf.h
// (___BPF_FUNC_MAPPER)
var helpersSince = map[asm.BuiltinFunc]Version{
	asm.FnProbeReadUser:              {5, 5, 0},
	asm.FnProbeReadKernel:            {5, 5, 0},
	asm.FnProbeReadUserStr:           {5, 5, 0},
	asm.FnProbeReadKernelStr:         {5, 5, 0},
	asm.FnSendSignalThread:           {5, 6, 0},
	asm.FnJiffies64:                  {5, 6, 0},
	asm.FnGetNsCurrentPidTgid:        {5, 7, 0},
	asm.FnGetCurrentAncestorCgroupId: {5, 7, 0},
	asm.FnKtimeGetBootNs:             {5, 8, 0},
	asm.FnRingbufOutput:              {5, 8, 0},
	asm.FnRingbufReserve:             {5, 8, 0},
	asm.FnRingbufSubmit:              {5, 8, 0},
	asm.FnRingbufDiscard:             {5, 8, 0},
	asm.FnRingbufQuery:               {5, 8, 0},
	asm.FnGetTaskStack:               {5, 9, 0},
	asm.FnDPath:                      {5, 10, 0},
	asm.FnCopyFromUser:               {5, 10, 0},
	asm.FnPerCpuPtr:                  {5, 10, 0},
	asm.FnThisCpuPtr:                 {5, 10, 0},
	asm.FnTaskStorageGet:             {5, 11, 0},
	asm.FnTaskStorageDelete:          {5, 11, 0},
	asm.FnGetCurrentTaskBtf:          {5, 11, 0},
	asm.FnForEachMapElem:             {5, 13, 0},
	asm.FnSnprintf:                   {5, 13, 0},
	asm.FnGetFuncIp:                  {5, 15, 0},
	asm.FnGetAttachCookie:            {5, 15, 0},
	asm.FnTaskPtRegs:                 {5, 15, 0},
	asm.FnFindVma:                    {5, 17, 0},
	asm.FnLoop:                       {5, 17, 0},
	asm.FnStrncmp:                    {5, 17, 0},
	asm.FnGetFuncArg:                 {5, 17, 0},
	asm.FnGetFuncRet:                 {5, 17, 0},
	asm.FnGetFuncArgCnt:              {5, 17, 0},
	asm.FnCopyFromUserTask:           {5, 18, 0},
	asm.FnMapLookupPercpuElem:        {5, 19, 0},
	asm.FnKtimeGetTaiNs:              {6, 1, 0},
}

// Helper reports whether programs of the kernel can call a helper. The source is asked
// once for each; where it cannot tell, the version does.
func (t *Target) Helper(helper asm.BuiltinFunc) bool {
	t = t.kernel()
	return t.helpers.get(helper, func() bool { return t.hasHelper(helper) })
}

func (t *Target) hasHelper(helper asm.BuiltinFunc) bool {
	if t.Sources.Helper != nil {
		if has, known := t.Sources.Helper(helper); known {
			return has
		}
	}
	since := HelperSince(helper)
	return t.Version.AtLeast(since.Major, since.Minor)
}

// HelperSince returns the version of Linux that brought a helper; it is zero for those
// that every kernel has that ponytrace runs on.
func HelperSince(helper asm.BuiltinFunc) Version { return helpersSince[helper] }

// Kfunc returns the number by which a program calls a kernel function that is made to be
// called (a kfunc), such as bpf_preempt_disable; false when the kernel has none of the
// name. It needs no index of all types, which takes 20 ms.
func (t *Target) Kfunc(name string) (btf.TypeID, bool) {
	raw := t.rawTypes()
	if raw == nil {
		return 0, false
	}
	return raw.functionID(name)
}

// TakesPath reports whether bpf_d_path may be called from a tracing program on the
// function: the kernel has a list of those that hold no lock which the helper takes.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/bpf_trace.c
// (btf_allowlist_d_path)
func TakesPath(function string) bool { return pathFunctions[function] }

// PathFunctions lists the functions for which TakesPath is true.
func PathFunctions() []string { return slices.Sorted(maps.Keys(pathFunctions)) }

var pathFunctions = map[string]bool{
	"security_file_permission": true, "security_inode_getattr": true, "security_file_open": true,
	"security_path_truncate": true, "vfs_truncate": true, "vfs_fallocate": true, "dentry_open": true,
	"vfs_getattr": true, "filp_close": true,
}

// LackingHelpers names those that the language uses and this kernel lacks, with the
// version that brought each.
func (t *Target) LackingHelpers() (names []string) {
	for _, helper := range slices.Sorted(maps.Keys(helpersSince)) {
		if !t.Helper(helper) {
			names = append(names, fmt.Sprintf("%s (since %d.%d)", HelperName(helper), helpersSince[helper].Major, helpersSince[helper].Minor))
		}
	}
	return names
}

// HelperName returns the kernel's name of a helper: bpf_get_func_ip for FnGetFuncIp.
func HelperName(helper asm.BuiltinFunc) string {
	var b strings.Builder
	b.WriteString("bpf")
	for _, r := range strings.TrimPrefix(helper.String(), "Fn") {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
