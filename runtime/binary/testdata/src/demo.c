typedef unsigned long size_t;
struct point { int x, y; };
enum color { RED, GREEN = 7 };

volatile int sink;

static inline __attribute__((always_inline)) int twice(int n) { sink = n; return 2 * n; }

static inline __attribute__((always_inline)) int quadruple(int n) { return twice(twice(n)); }

__attribute__((noinline)) long compute(int n, const char *text, size_t size, double ratio,
	struct point at, struct point *where, enum color c, _Bool on, signed char small, void *any)
{
	sink = size + ratio + at.x + where->y + c + on + small + (any != 0) + *text;
	return quadruple(n);
}

__attribute__((noinline)) void none(void) { sink = 1; }

/* Its second argument is a constant in every call, and the compiler leaves it out. */
static __attribute__((noinline)) int reduced(int n, int factor) { sink = factor; return n * factor; }

static __typeof__(none) *choose(void) { return none; }
void chosen(void) __attribute__((ifunc("choose")));

void _start(void)
{
	struct point p = {1, 2};
	compute(3, "text", 4, 0.5, p, &p, GREEN, 1, -1, 0);
	sink = reduced(sink, 3);
	none();
	chosen();
	for (;;)
		;
}
