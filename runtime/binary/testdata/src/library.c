/* A library with two versions of a function, one that is chosen while it starts, one with
   three names, and one without a size. */
volatile int sink;

__attribute__((noinline)) int first_count(void) { return sink + 1; }
__attribute__((noinline)) int second_count(void) { return sink + 2; }
__asm__(".symver first_count, count@DEMO_1\n .symver second_count, count@@DEMO_2");

static int __measure_plain(int n) { return n + sink; }
static int __measure_wide(int n) { return n - sink; }
static __typeof__(__measure_plain) *choose(void) { return sink > 1 ? __measure_wide : __measure_plain; }
int measure(int n) __attribute__((ifunc("choose")));

/* What it would choose from is not here. */
static __typeof__(__measure_plain) *choose_other(void) { return (void *)(long)sink; }
int elsewhere(int n) __attribute__((ifunc("choose_other")));

void plain(void) { sink = 3; }
void _plain(void) __attribute__((alias("plain")));
void another(void) __attribute__((alias("plain")));

__asm__(".globl unsized\n .type unsized, @function\n unsized: nop\n nop\n ret\n");
