// A program to trace, whose every call is known: `target N [THREADS]` makes N rounds in
// each thread, `target N THREADS wait` begins when a line comes on its standard input.
// A round i calls
//
//	add(i, 2)                 eight(1 .. 8)             greet("round") once, and by name
//	mixed(i, 0.5, i + 1)      sum(pair {i, -i})         descend(3): 4 calls
//	big(block, i)             local(i), a static        leaf(i)
//
// and prints, at the end, what it did.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))

enum colour { RED, GREEN = 5, BLUE };

struct inner {
	uint8_t low : 3;
	uint8_t high : 5;
	int16_t numbers[3];
};

struct pair {
	long first, second;
};

struct block {
	char name[16];
	const char *title;
	struct inner inner;
	enum colour colour;
	struct pair *pair;
	struct block *next;
	union {
		uint32_t word;
		uint8_t bytes[4];
	};
	long large[8];
};

volatile long kept;

APART int add(int a, int b)
{
	kept++;
	return a + b;
}

APART long eight(long a, long b, long c, long d, long e, long f, short g, long h)
{
	kept++;
	return a + b + c + d + e + f + g + h;
}

APART const char *greet(const char *name)
{
	kept++;
	return name + 1;
}

APART double mixed(int a, double ratio, unsigned char b)
{
	kept++;
	return a * ratio + b;
}

APART struct pair sum(struct pair p)
{
	kept++;
	return (struct pair){p.first + p.second, p.first - p.second};
}

APART struct block big(struct block b, int i)
{
	kept++;
	b.large[7] = i;
	return b;
}

APART static int local(unsigned n)
{
	kept++;
	return n & 1;
}

APART int leaf(int n)
{
	return n ^ 1;
}

APART int descend(int depth)
{
	kept++;
	return depth ? descend(depth - 1) + 1 : 0;
}

extern int also(int a, int b) __attribute__((alias("add")));

static void round_of(int i)
{
	struct pair p = {i, -i};
	struct block b = {
		.name = "block", .title = "a title", .inner = {5, 17, {-1, 2, 3}}, .colour = BLUE, .pair = &p, .word = 0x01020304,
	};
	b.next = &b;
	kept += add(i, 2);
	kept += eight(1, 2, 3, 4, 5, 6, -7, 8);
	kept += strlen(greet("round"));
	kept += mixed(i, 0.5, i + 1);
	kept += sum(p).first;
	kept += big(b, i).large[7];
	kept += local(i);
	kept += leaf(i);
	kept += descend(3);
}

static void *rounds(void *n)
{
	for (int i = 0; i < (intptr_t)n; i++)
		round_of(i);
	return NULL;
}

int main(int argc, char **argv)
{
	enum { most = 64 };
	pthread_t threads[most];
	intptr_t n = argc > 1 ? atoi(argv[1]) : 1;
	int count = argc > 2 ? atoi(argv[2]) : 1;

	if (count < 1 || count > most)
		return 2;
	if (argc > 3 && getchar() == EOF)
		return 3;
	for (int t = 0; t < count; t++)
		if (pthread_create(&threads[t], NULL, rounds, (void *)n))
			return 4;
	for (int t = 0; t < count; t++)
		pthread_join(threads[t], NULL);
	printf("%ld rounds in each of %d threads\n", (long)n, count);
	return 0;
}
