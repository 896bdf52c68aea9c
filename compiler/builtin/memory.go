package builtin

import (
	"math/bits"
	"net/netip"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Memory that is copied as it is and prints as what it holds.
var memoryFunctions = []*Function{
	{
		Info: Info{Name: "buf", Signature: "buffer buf(pointer p [, int size]) or buf(array or string [, int size])",
			Doc:     `Bytes of memory, at most max_strlen of them; of an array or a string all. A size below zero, such as an error in the place of a length, is none. They print as text with \x escapes, as hexadecimal by %rx.`,
			Example: `kprobe:vfs_write { printf("%r\n", buf(args.buf, args.count)) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkBuffer, Into: lowerBuffer, Awaits: true,
	},
	{
		Info: Info{Name: "ntop", Signature: "inet ntop([int family,] address)",
			Doc:     "An address of the Internet as text: of 4 bytes or a number in network order (AF_INET), or of 16 bytes (AF_INET6).",
			Example: `kprobe:tcp_connect { @[ntop(args.sk->__sk_common.skc_daddr)] = count() }`},
		MinArgs: 1, MaxArgs: 2, Check: checkNtop, Into: lowerNtop, Fills: true,
	},
	{
		Info: Info{Name: "pton", Signature: "uint8[] pton(string address)",
			Doc:     "An address of the Internet, written in the script, as its 4 or 16 bytes in network order.",
			Example: `kprobe:tcp_connect /args.sk->__sk_common.skc_daddr == (uint32)pton("127.0.0.1")/ { @ = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkPton, Into: lowerPton, Fills: true,
	},
	{
		Info: Info{Name: "macaddr", Signature: "macaddr macaddr(pointer p) or macaddr(uint8[6])",
			Doc:     "The 6 bytes of a hardware address, printed as such.",
			Example: `kprobe:dev_queue_xmit { @[macaddr(arg0)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkMAC, Fills: true,
		Into: func(l Lowering, call *lang.Call, to Place) { copyBytes(l, call.Args[0], types.MAC.Size, to) },
	},
	{
		Info: Info{Name: "usym", Signature: "usym usym(uint64 address)",
			Doc:     "An address of the current process as the name of the function that it lies in.",
			Example: `profile:hz:99 { @[usym(reg("ip"))] = count() }`},
		MinArgs: 1, MaxArgs: 1, Fills: true,
		Check: func(c Checker, call *lang.Call) *types.Type {
			if !wantAddress(c, call, 0) {
				return types.NoValue
			}
			return types.UserAddress
		},
		Into: func(l Lowering, call *lang.Call, to Place) {
			storeWord(l, to, 0, l.Value(call.Args[0]))
			storeWord(l, to, 8, namingProcess(l, call))
		},
	},
	{
		Info: Info{Name: "kptr", Signature: "pointer kptr(pointer p)",
			Doc:     "The same address, said to be one of the kernel.",
			Example: `kprobe:vfs_read { $file = (struct file *)kptr(arg0); @[$file->f_flags] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSpace(false), Lower: firstArgument,
	},
	{
		Info: Info{Name: "uptr", Signature: "pointer uptr(pointer p)",
			Doc:     "The same address, said to be one of the current process, so that what it points at is read from there.",
			Example: `kprobe:vfs_write { $first = *(uint8 *)uptr(arg1); @[$first] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSpace(true), Lower: firstArgument,
	},
}

func storeWord(l Lowering, to Place, offset int, value *ir.Value) {
	l.IR().Store(to.Space, to.Address, to.Offset+offset, 8, value)
}

// placeAfter is the place some bytes further.
func placeAfter(p Place, offset int) Place {
	p.Offset += offset
	return p
}

// copyBytes copies size bytes of what the expression is, or of what it points at.
func copyBytes(l Lowering, e lang.Expr, size int, to Place) {
	t := l.Type(e)
	switch {
	case t.Scalar():
		readBytes(l, t, l.Value(e), l.IR().Const(int64(size)), to)
	case t.Kind == types.String: // its zeroes end nothing here
		readBytes(l, t, l.Address(e), l.IR().Const(int64(size)), to)
	default:
		l.Store(e, to, true)
	}
}

// readBytes reads from where the address lies; what cannot be read is zero.
func readBytes(l Lowering, t *types.Type, address, size *ir.Value, to Place) {
	atEither(l, t, address,
		func() { helper(l, asm.FnProbeReadKernel, ir.Writes, l.Pointer(to), size, address) },
		func() { helper(l, asm.FnProbeReadUser, ir.Writes, l.Pointer(to), size, address) })
}

func checkBuffer(c Checker, call *lang.Call) *types.Type {
	t, limit := c.Type(call.Args[0]), c.Settings().MaxStringSize
	switch {
	case t.Kind == types.None:
		return types.NoValue
	case (t.Kind == types.Array || t.Kind == types.String) && t.Size > 0:
		limit = t.Size
	case t.Kind == types.Buffer:
		limit = t.Size - types.BufferHeader
	case t.Kind != types.Pointer && !t.Integer():
		c.Errorf(call.Args[0].Range(), "buf() wants a pointer, an array or a string, not %s", t)
		return types.NoValue
	}
	if len(call.Args) == 2 {
		if n, known := wantSize(c, call, 1, 1); known && n > 0 && t.Kind != types.Array {
			limit = int(min(n, int64(limit)))
		}
	}
	return &types.Type{Kind: types.Buffer, Size: types.BufferHeader + limit}
}

func lowerBuffer(l Lowering, call *lang.Call, to Place) {
	b, capacity := l.IR(), l.Type(call).Size-types.BufferHeader
	address, size, varies := l.Extent(call.Args[0])
	if !varies {
		size = b.Const(int64(capacity))
	}
	if len(call.Args) == 2 {
		size = lowerBufferSize(l, call, size)
	}
	b.Store(to.Space, to.Address, to.Offset, types.BufferHeader, atMost(l, size, b.Const(int64(capacity))))
	t := l.Type(call.Args[0])
	switch {
	case varies:
	case t.Kind == types.Array:
		l.Store(call.Args[0], placeAfter(to, types.BufferHeader), true)
		return
	case t.Kind == types.String: // its zeroes end nothing here
		address = l.Address(call.Args[0])
	default:
		address = l.Value(call.Args[0])
	}
	readAtMost(l, placeAfter(to, types.BufferHeader), capacity, size, func(to Place, size *ir.Value) {
		if varies {
			helper(l, asm.FnProbeReadKernel, ir.Writes, l.Pointer(to), size, address)
			return
		}
		readBytes(l, t, address, size, to)
	})
}

func lowerBufferSize(l Lowering, call *lang.Call, limit *ir.Value) *ir.Value {
	n, known := l.Integer(call.Args[1])
	if most, fixed := limit.Constant(); fixed && known && n >= 0 {
		return l.IR().Const(min(n, most))
	}
	return sizeWithin(l, call.Args[1], 0, limit)
}

// readAtMost reads the smaller number of n and capacity bytes to a place of the capacity.
// The verifier has to see that size, and it forgets what was compared once a register is
// spilled: a Bound is all that it is told again. What is no power of two is read to a
// larger place first.
func readAtMost(l Lowering, to Place, capacity int, n *ir.Value, read func(to Place, size *ir.Value)) {
	b := l.IR()
	if n.Op == ir.Const {
		read(to, b.Const(min(n.Int, int64(capacity))))
		return
	}
	part, whole, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
	before := b.Because(ir.SizeLimit)
	b.If(ir.Less, n, b.Const(int64(capacity)), part, whole)
	b.Why = before
	b.Enter(whole)
	read(to, b.Const(int64(capacity)))
	b.Jump(join)
	b.Enter(part)
	room := 1 << bits.Len(uint(capacity-1))
	size := b.Bound(n, int64(room-1))
	if room == capacity {
		read(to, size)
	} else {
		larger := Place{Space: ir.Frame, Address: b.SlotAddress(b.NewSlot("part", room))}
		l.Zero(larger, room)
		read(larger, size)
		helper(l, asm.FnProbeReadKernel, ir.Writes, l.Pointer(to), b.Const(int64(capacity)), larger.Address)
	}
	b.Jump(join)
	b.Enter(join)
}

// atMost is the smaller of two numbers without a sign.
func atMost(l Lowering, n, limit *ir.Value) *ir.Value {
	b := l.IR()
	cell, smaller, join := b.NewCell("size"), b.NewBlock(), b.NewBlock()
	before := b.Because(ir.SizeLimit)
	defer func() { b.Why = before }()
	b.CellSet(cell, limit)
	b.If(ir.Less, n, limit, smaller, join)
	b.Enter(smaller)
	b.CellSet(cell, n)
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(cell)
}

// Sizes of addresses, and where they lie in a value of kind NetworkAddress.
const (
	addressOffset = 4
	inetSize      = 4
	inet6Size     = 16
)

// addressSize returns how many bytes of address an argument is; 0 when it is none. A
// pointer counts for what it points at.
func addressSize(t *types.Type) int {
	switch {
	case t.Integer():
		return inetSize
	case t.Kind == types.Pointer && t.Elem != nil:
		t = t.Elem
	}
	if (t.Kind == types.Array || t.Kind == types.Struct) && (t.Size == inetSize || t.Size == inet6Size) {
		return t.Size
	}
	return 0
}

func familyOf(size int) int64 {
	if size == inet6Size {
		return types.FamilyInet6
	}
	return types.FamilyInet
}

func checkNtop(c Checker, call *lang.Call) *types.Type {
	address := call.Args[len(call.Args)-1]
	t := c.Type(address)
	size := addressSize(t)
	switch {
	case t.Kind == types.None:
		return types.NoValue
	case size == 0:
		c.Errorf(address.Range(), "ntop() wants a number, or 4 or 16 bytes, not %s", t)
		return types.NoValue
	}
	if len(call.Args) == 2 && wantNumber(c, call, 0) {
		checkFamily(c, call, size)
	}
	return types.IPAddress
}

func checkFamily(c Checker, call *lang.Call, size int) {
	family, known := c.Integer(call.Args[0])
	switch {
	case !known:
	case family != types.FamilyInet && family != types.FamilyInet6:
		c.Errorf(call.Args[0].Range(), "ntop() knows the families AF_INET and AF_INET6")
	case family == types.FamilyInet6 && size == inetSize:
		c.Errorf(call.Args[1].Range(), "an address of AF_INET6 has 16 bytes, and this has 4")
	}
}

func lowerNtop(l Lowering, call *lang.Call, to Place) {
	b, address := l.IR(), call.Args[len(call.Args)-1]
	t := l.Type(address)
	size := addressSize(t)
	family := b.Const(familyOf(size))
	if len(call.Args) == 2 {
		family = l.Value(call.Args[0])
	}
	l.Zero(to, types.IPAddress.Size)
	b.Store(to.Space, to.Address, to.Offset, addressOffset, family)
	if t.Integer() {
		b.Store(to.Space, to.Address, to.Offset+addressOffset, inetSize, l.Value(address))
		return
	}
	copyBytes(l, address, size, placeAfter(to, addressOffset))
}

func checkPton(c Checker, call *lang.Call) *types.Type {
	text, ok := wantText(c, call, 0, "the address")
	if !ok {
		return types.NoValue
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		c.Errorf(call.Args[0].Range(), "%q is no address of the Internet", text)
		return types.NoValue
	}
	return types.NewArray(types.NewInt(1, false), len(address.AsSlice()))
}

func lowerPton(l Lowering, call *lang.Call, to Place) {
	text, _ := l.Text(call.Args[0])
	address := netip.MustParseAddr(text)
	for i, value := range address.AsSlice() {
		l.IR().Store(to.Space, to.Address, to.Offset+i, 1, l.IR().Const(int64(value)))
	}
}

func checkMAC(c Checker, call *lang.Call) *types.Type {
	t := c.Type(call.Args[0])
	switch {
	case t.Kind == types.None:
		return types.NoValue
	case t.Kind == types.Pointer, t.Integer(), (t.Kind == types.Array || t.Kind == types.String) && t.Size == types.MAC.Size:
		return types.MAC
	}
	c.Errorf(call.Args[0].Range(), "macaddr() wants a pointer or 6 bytes, not %s", t)
	return types.NoValue
}

func checkSpace(user bool) func(Checker, *lang.Call) *types.Type {
	return func(c Checker, call *lang.Call) *types.Type {
		if !wantAddress(c, call, 0) {
			return types.NoValue
		}
		pointer := types.NewPointer(nil)
		if t := c.Type(call.Args[0]); t.Kind == types.Pointer {
			copied := *t
			pointer = &copied
		}
		pointer.User, pointer.Kernel = user, !user
		pointer.Trusted = pointer.Trusted && !user
		return pointer
	}
}
