/* A server with USDT probes, named as those of PostgreSQL. Nothing here is ever run. */
#define NOTE(name, arguments) \
	"990: nop\n" \
	".pushsection .note.stapsdt,\"\",\"note\"\n" \
	".balign 4\n .4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n" \
	"992: .balign 4\n" \
	"993: .8byte 990b, 0, semaphore\n" \
	".asciz \"postgresql\"\n .asciz \"" name "\"\n .asciz \"" arguments "\"\n" \
	"994: .balign 4\n .popsection\n"

unsigned short semaphore __attribute__((section(".probes")));

void _start(void)
{
	__asm__ volatile(
		NOTE("query__start", "8@%rax")
		NOTE("query__start", "8@-88(%rbp)")
		NOTE("query__done", "8@%rax")
		NOTE("transaction__start", "4@-28(%rbp)")
		NOTE("transaction__commit", "4@%edx"));
	for (;;)
		;
}
