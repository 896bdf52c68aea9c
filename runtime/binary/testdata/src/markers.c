/* Probes as sys/sdt.h makes them: a nop, and a note that has its place and arguments. */
#define NOTE(provider, name, semaphore, arguments) \
	"990: nop\n" \
	".pushsection .note.stapsdt,\"\",\"note\"\n" \
	".balign 4\n .4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n" \
	"992: .balign 4\n" \
	"993: .8byte 990b, _.stapsdt.base, " semaphore "\n" \
	".asciz \"" provider "\"\n .asciz \"" name "\"\n .asciz \"" arguments "\"\n" \
	"994: .balign 4\n .popsection\n"

__asm__(".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
	"_.stapsdt.base: .space 1\n .popsection\n");

unsigned short counted __attribute__((section(".probes")));

__attribute__((noinline)) void begin(int n, long m)
{
	__asm__ volatile(NOTE("demo", "begin", "counted", "-4@%[n] 8@%[m]") :: [n] "r"(n), [m] "r"(m));
}

void _start(void)
{
	begin(1, 2);
	__asm__ volatile(NOTE("demo", "end", "0", "") ::);
	__asm__ volatile(NOTE("demo", "end", "0", "4@$7") ::);
	for (;;)
		;
}
