// A program for arm64 whose every call and USDT probe is known: `target N` makes N rounds,
// in one thread. A round i calls
//
//	add(i, 2)            eight(1 .. 8)            greet("round")
//	descend(3): 4 calls  signed(i)                marks(i, "round")
//
// and marks fires
//
//	app:request      twice: (i, "round", 3 * i), (7, "fixed", -5)
//	app:forms        (i, i + 1, 20, 10 * (i % 4), 77, 9, 0)
//	app:counted      (i, 2), if the tracer has raised its semaphore
//	app:bare         no arguments
//
// Each function begins as compilers have functions begin: with an instruction that the
// kernel steps over, one that it emulates, or one that only tells that it may be called.

	.arch armv8.3-a

	.macro function name
	.text
	.balign 16
	.globl \name
	.type \name, %function
\name:
	.endm

	.macro finish name
	.size \name, . - \name
	.endm

	.macro probe name, semaphore, arguments
990:	nop
	.pushsection .note.stapsdt, "", %note
	.balign 4
	.4byte 992f - 991f, 994f - 993f, 3
991:	.asciz "stapsdt"
992:	.balign 4
993:	.8byte 990b, _.stapsdt.base, \semaphore
	.asciz "app"
	.asciz "\name"
	.asciz "\arguments"
994:	.balign 4
	.popsection
	.endm

	.pushsection .stapsdt.base, "aG", %progbits, .stapsdt.base, comdat
	.weak _.stapsdt.base
	.hidden _.stapsdt.base
_.stapsdt.base:
	.space 1
	.size _.stapsdt.base, 1
	.popsection

	.section .probes, "aw"
	.balign 4
app_counted_semaphore:
	.2byte 0
	.balign 4

	.data
	.balign 8
	.type numbers, %object
	.size numbers, 16
numbers:
	.4byte 0, 10, 20, 30
	.type limit, %object
	.size limit, 4
limit:
	.4byte 77
computed:
	.4byte 0

	.section .rodata
round_name:
	.asciz "round"
fixed_name:
	.asciz "fixed"

// int add(int, int): the kernel steps over its first instruction.
	function add
	add	w0, w0, w1
	and	w0, w0, #0x3fffffff
	ret
	finish add

// long eight(long, ... short, long): the kernel emulates its first instruction.
	function eight
	cbz	x0, 1f
	add	x0, x0, x7
1:	ret
	finish eight

// const char *greet(const char *)
	function greet
	bti	c
	add	x0, x0, #1
	ret
	finish greet

// int descend(int), which calls itself and checks its return address.
	function descend
	paciasp
	stp	x29, x30, [sp, -16]!
	mov	x29, sp
	cbz	w0, 1f
	sub	w0, w0, #1
	bl	descend
	add	w0, w0, #1
1:	ldp	x29, x30, [sp], 16
	autiasp
	ret
	finish descend

// int signed(int): -i
	function signed
	nop
	neg	w0, w0
	ret
	finish signed

// void marks(int, const char *)
	function marks
	stp	x29, x30, [sp, -64]!
	mov	x29, sp
	stp	x19, x20, [sp, 16]
	stp	x21, x22, [sp, 32]
	mov	w19, w0
	mov	x20, x1
	add	w21, w19, w19, lsl 1
	probe	request, 0, "-4@w19 8@x20 -2@w21"
	adrp	x1, fixed_name
	add	x1, x1, :lo12:fixed_name
	str	x1, [sp, 48]
	probe	request, 0, "-4@7 8@[sp, 48] -2@-5"
	add	x22, x19, 1
	str	w22, [x29, 56]
	adrp	x0, numbers
	add	x0, x0, :lo12:numbers
	add	x1, x0, 8
	and	w2, w19, 3
	adrp	x3, limit
	probe	forms, 0, "4@x19 -4@[x29, 56] 4@[x1] -4@[x0, w2, sxtw 2] 4@[x3, #:lo12:limit] 1@9 8@xzr"
	adrp	x0, app_counted_semaphore
	ldrh	w0, [x0, :lo12:app_counted_semaphore]
	cbz	w0, 1f
	mov	w0, 2
	probe	counted, app_counted_semaphore, "-4@x19 -1@x0"
	adrp	x1, computed
	ldr	w0, [x1, :lo12:computed]
	add	w0, w0, 1
	str	w0, [x1, :lo12:computed]
1:	probe	bare, 0, ""
	ldp	x19, x20, [sp, 16]
	ldp	x21, x22, [sp, 32]
	ldp	x29, x30, [sp], 64
	ret
	finish marks

// Its status is 0 if the semaphore was raised in all rounds or in none, and all results
// were right.
	function _start
	ldr	x1, [sp, 16]
	mov	w20, 0
	mov	w2, 10
1:	ldrb	w0, [x1], 1
	cbz	w0, 2f
	sub	w0, w0, '0'
	madd	w20, w20, w2, w0
	b	1b
2:	mov	w19, 0
	mov	w21, 0
3:	cmp	w19, w20
	b.ge	4f
	mov	w0, w19
	mov	w1, 2
	bl	add
	sub	w0, w0, w19
	sub	w0, w0, 2
	orr	w21, w21, w0
	mov	x0, 1
	mov	x1, 2
	mov	x2, 3
	mov	x3, 4
	mov	x4, 5
	mov	x5, 6
	mov	x6, -7
	mov	x7, 8
	bl	eight
	sub	x0, x0, 9
	orr	w21, w21, w0
	adrp	x0, round_name
	add	x0, x0, :lo12:round_name
	bl	greet
	ldrb	w0, [x0]
	sub	w0, w0, 'o'
	orr	w21, w21, w0
	mov	w0, 3
	bl	descend
	sub	w0, w0, 3
	orr	w21, w21, w0
	mov	w0, w19
	bl	signed
	add	w0, w0, w19
	orr	w21, w21, w0
	mov	w0, w19
	adrp	x1, round_name
	add	x1, x1, :lo12:round_name
	bl	marks
	add	w19, w19, 1
	b	3b
4:	adrp	x1, computed
	ldr	w0, [x1, :lo12:computed]
	cbz	w0, 5f
	sub	w0, w0, w20
	orr	w21, w21, w0
5:	cmp	w21, 0
	cset	w0, ne
	mov	w8, 93 // exit
	svc	0
	finish _start
