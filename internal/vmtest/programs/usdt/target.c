// A program with USDT probes whose every event is known: `target N [THREADS]` makes N
// rounds in each thread, `target N THREADS wait` begins when a line comes on its standard
// input. A round i fires
//
//	app:request      twice: (i, "round", 3 * i), (7, "fixed", -5)
//	app:twelve       (1 .. 12), of all sizes and signs: -1, 2, -3 ...
//	app:counted      (i, 2), if the tracer has raised its semaphore
//	app:global       (limit, limits[i % 4]): 77, 10 * (i % 4)
//	app:half         on x86_64: 0x12, 0x34, in the halves of a register
//	app:real         (i, 0.5): the second is no number that a tracer reads
//	app:bare         no arguments
//	shared:event     (i, i + 1), in the library TARGET.so where that is there
//
// and prints, at the end, what it did.
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdt.h"

#define APART __attribute__((noinline, noclone))

unsigned short app_counted_semaphore __attribute__((section(".probes")));
static int limit = 77;
static int limits[4] = {0, 10, 20, 30};
static long computed;
static const char *volatile round_name = "round", *volatile fixed_name = "fixed";
static void (*event)(int);

APART void request(int i, const char *name)
{
	if (strlen(name) + strlen(fixed_name) != 10)
		abort();
	PROBE3(app, request, 0, i, name, (short)(3 * i));
	const char *fixed = fixed_name;
	PROBE3(app, request, 0, 7, fixed, (short)-5);
}

APART void twelve(signed char a, unsigned short b, short c, uint32_t d, int e, uint64_t f, long g)
{
	volatile unsigned char h = 8;
	volatile short i = -9;
	volatile int k = -11;
	volatile long l = 12;
	PROBE12(app, twelve, 0, a, b, c, d, e, f, g, h, i, (unsigned char)10, k, l);
}

APART void counted(int i)
{
	if (__builtin_expect(*(volatile unsigned short *)&app_counted_semaphore, 0)) {
		__atomic_add_fetch(&computed, 1, __ATOMIC_RELAXED);
		PROBE2(app, counted, app_counted_semaphore, i, (char)2);
	}
}

APART void global(unsigned i)
{
	__asm__ volatile(SDT_NOTE(app, global, 0, "-4@%[a] -4@%[b]")
			 ::[a] "m"(limit), [b] "m"(limits[i % 4]));
}

APART void half(void)
{
#ifdef __x86_64__
	__asm__ volatile("movl $0x1234, %%eax\n" SDT_NOTE(app, half, 0, "1@%%ah 1@%%al -2@%%ax") ::: "eax");
#endif
}

APART void real(int i, double ratio)
{
#ifdef __x86_64__
	__asm__ volatile(SDT_NOTE(app, real, 0, "-4@%[a] 8f@%[b]")::[a] "r"(i), [b] "x"(ratio));
#else
	__asm__ volatile(SDT_NOTE(app, real, 0, "-4@%[a] 8f@%[b]")::[a] "r"(i), [b] "w"(ratio));
#endif
}

APART void bare(void)
{
	PROBE0(app, bare, 0);
}

static void *rounds(void *count)
{
	for (int i = 0; i < *(int *)count; i++) {
		request(i, round_name);
		twelve(-1, 2, -3, 4, -5, 6, -7);
		counted(i);
		global(i);
		half();
		real(i, 0.5);
		bare();
		if (event)
			event(i);
	}
	return NULL;
}

#ifndef ALONE
// library opens the one that lies beside the program.
static void library(const char *program)
{
	char path[4096];
	snprintf(path, sizeof path, "%s.so", program);
	void *opened = dlopen(path, RTLD_NOW);
	if (opened)
		event = (void (*)(int))dlsym(opened, "event");
}
#else
static void library(const char *program) {}
#endif

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1, threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t started[64];
	library(argv[0]);
	if (argc > 3 && getchar() == EOF)
		return 1;
	for (int i = 1; i < threads && i < 64; i++)
		pthread_create(&started[i], NULL, rounds, &count);
	rounds(&count);
	for (int i = 1; i < threads && i < 64; i++)
		pthread_join(started[i], NULL);
	printf("%d rounds, computed %ld, semaphore %d\n", count, computed, app_counted_semaphore);
	if (argc > 3) {
		fflush(stdout);
		while (getchar() != EOF)
			printf("semaphore %d\n", *(volatile unsigned short *)&app_counted_semaphore), fflush(stdout);
	}
	return 0;
}
