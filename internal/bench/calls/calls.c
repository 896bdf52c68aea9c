// A program for probes of programs: `calls PLACE N` passes a place N times, after as many
// times that do not count, and prints how many nanoseconds that took. The places differ in
// what a kernel does with a probe on their first instruction.
//
//	opened    push %rbp, which kernels emulate
//	moved     an instruction that they single-step, and behind it a nop that serves as well
//	stepped   one that they single-step, and no other serves
//	fired     a USDT probe
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sdt.h"

#define FUNCTION(name, instructions)                                                    \
	void name(long n);                                                              \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"     \
		instructions "ret\n.size " #name ", . - " #name "\n")

FUNCTION(opened, "push %rbp\nmov %rsp, %rbp\npop %rbp\n");
FUNCTION(moved, "xor %eax, %eax\nnop\n");
FUNCTION(stepped, "add $0, %rdi\nnop\n");

__attribute__((noinline)) static void fired(long n)
{
	PROBE1(bench, fired, 0, n);
}

static const struct {
	const char *name;
	void (*pass)(long n);
} places[] = {{"opened", opened}, {"moved", moved}, {"stepped", stepped}, {"fired", fired}};

static long nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long n = atol(argv[2]), began = 0;
	for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
		if (strcmp(places[p].name, argv[1]))
			continue;
		for (long i = -n; i < n; i++) {
			if (i == 0)
				began = nanoseconds();
			places[p].pass(i);
		}
		printf("%ld\n", nanoseconds() - began);
		return 0;
	}
	return 2;
}
