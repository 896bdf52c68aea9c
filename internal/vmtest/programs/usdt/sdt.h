// USDT probes for the tests: a nop, and a note that names it and tells where the compiler
// has the arguments. The format is that of the SystemTap project; sys/sdt.h writes it, too.
// https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
//
// PROBE2(PROVIDER, NAME, SEMAPHORE, A, B) is a probe with two arguments. SEMAPHORE is 0, or
// a variable in the section .probes.
#pragma once

#define SDT_NOTE(provider, name, semaphore, arguments)                                  \
	"990: nop\n"                                                                    \
	".pushsection .note.stapsdt, \"\", \"note\"\n"                                  \
	".balign 4\n"                                                                   \
	".4byte 992f - 991f, 994f - 993f, 3\n"                                          \
	"991: .asciz \"stapsdt\"\n"                                                     \
	"992: .balign 4\n"                                                              \
	"993: .8byte 990b, _.stapsdt.base, " #semaphore "\n"                            \
	".asciz \"" #provider "\"\n"                                                    \
	".asciz \"" #name "\"\n"                                                        \
	".asciz \"" arguments "\"\n"                                                    \
	"994: .balign 4\n"                                                              \
	".popsection\n"

// Prelink may move a program: the base tells by how much.
__asm__(".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"
	".weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n"
	".popsection\n");

#define SDT_SIZE(x)                                                                     \
	(_Generic((x), char: -1, signed char: -1, short: -1, int: -1, long: -1,         \
		  long long: -1, default: 1) * (int)sizeof(x))
#define SDT_IN(n, x) [s##n] "i"(SDT_SIZE(x)), [a##n] "nor"(x)
#define SDT_OUT(n) "%c[s" #n "]@%[a" #n "]"

#define PROBE0(provider, name, semaphore) \
	__asm__ volatile(SDT_NOTE(provider, name, semaphore, "")::)
#define PROBE1(provider, name, semaphore, a) \
	__asm__ volatile(SDT_NOTE(provider, name, semaphore, SDT_OUT(0))::SDT_IN(0, a))
#define PROBE2(provider, name, semaphore, a, b)                                         \
	__asm__ volatile(SDT_NOTE(provider, name, semaphore, SDT_OUT(0) " " SDT_OUT(1)) \
			 ::SDT_IN(0, a), SDT_IN(1, b))
#define PROBE3(provider, name, semaphore, a, b, c)                                      \
	__asm__ volatile(SDT_NOTE(provider, name, semaphore,                            \
				  SDT_OUT(0) " " SDT_OUT(1) " " SDT_OUT(2))             \
			 ::SDT_IN(0, a), SDT_IN(1, b), SDT_IN(2, c))
#define PROBE12(provider, name, semaphore, a, b, c, d, e, f, g, h, i, j, k, l)          \
	__asm__ volatile(SDT_NOTE(provider, name, semaphore,                            \
				  SDT_OUT(0) " " SDT_OUT(1) " " SDT_OUT(2) " "          \
				  SDT_OUT(3) " " SDT_OUT(4) " " SDT_OUT(5) " "          \
				  SDT_OUT(6) " " SDT_OUT(7) " " SDT_OUT(8) " "          \
				  SDT_OUT(9) " " SDT_OUT(10) " " SDT_OUT(11))           \
			 ::SDT_IN(0, a), SDT_IN(1, b), SDT_IN(2, c), SDT_IN(3, d),      \
			 SDT_IN(4, e), SDT_IN(5, f), SDT_IN(6, g), SDT_IN(7, h),        \
			 SDT_IN(8, i), SDT_IN(9, j), SDT_IN(10, k), SDT_IN(11, l))
