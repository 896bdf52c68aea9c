/* USDT probes with arguments in all kinds of places. Nothing here is ever run. */
#define NOTE(provider, name, semaphore, arguments) \
	NOTE_ON("nop", provider, name, semaphore, arguments)
#define NOTE_ON(instruction, provider, name, semaphore, arguments) \
	"990: " instruction "\n" \
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
unsigned short counted_too __attribute__((section(".probes")));
int limit = 1;
struct { long a[5], b; } area = { { 1 } };

void _start(void)
{
	__asm__ volatile(
		NOTE("app", "request", "counted", "-4@%edi 8@%rsi")
		NOTE("app", "request", "counted_too", "-4@$7 8@-8(%rbp)")
		NOTE("app", "request", "counted", "-4@%edi 8@%rsi")
		NOTE("app", "registers", "0", "1@%ah 1@%dil -2@%r9w 4@%rax 8@%r10 -1@%cl")
		NOTE("app", "memory", "0", "8@(%rdx) -4@8(%rax,%rcx,8) 2@16(,%rcx,4) 4@(%ecx)")
		NOTE("app", "variables", "0", "-4@limit(%rip) 8@40+area(%rip) 8@$area 4@gone(%rip)")
		NOTE("app", "numbers", "0", "8@$0x10 -4@$-1 1@$300")
		NOTE("app", "floats", "0", "-4@%eax 8f@%xmm0 8@%xmm1 16@(%rdi) 8@%fs:16 8@?")
		NOTE("app", "done", "0", "")
		NOTE("other", "request", "0", "2@%ax")
		NOTE_ON("int3", "other", "trapped", "0", ""));
	for (;;)
		;
}
