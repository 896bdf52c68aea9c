#define APART __attribute__((noinline, noclone))

struct point { int x, y; };
struct wide { long a, b; };
struct mixed { long n; double d; };
struct floats { float x, y, z; };
struct large { char name[32]; long n; };
struct odd { char bytes[3]; };
struct __attribute__((packed)) packed { char c; int n; };
struct empty {};
enum color { RED, GREEN = 5 };
typedef unsigned int number;

struct flags {
	unsigned low : 3, high : 5;
	union {
		int whole;
		float part;
	};
	struct point *where;
	enum color color;
	const char *text;
	struct point all[2][3];
	struct declared *other;
	char name[12];
	int rest[];
};
extern struct declared *some;
extern long inside(struct declared *);

volatile long kept;

APART int scalars(int a, double d, const char *s, number n, enum color c, unsigned char b, long f, long g)
{ kept += a + n + c + b + f + g + *s + (long)d; return a; }
APART struct point structs(struct point p, struct wide w, struct mixed m, struct large l, long after)
{ kept += p.x + w.b + m.n + l.n + after; return p; }
APART long spilled(long a, long b, long c, long d, long e, struct wide w, long f)
{ kept += a + b + c + d + e + w.a + f; return f; }
APART struct large made(long n)
{ kept += n; return (struct large){"made", n}; }
APART struct mixed halves(struct floats f, struct odd o, struct packed p, struct empty e, int last)
{ kept += o.bytes[0] + p.n + last + (long)f.x; return (struct mixed){1, 2}; }
APART long double wider(long double l, __int128 i, _Complex double z, float f, int last)
{ kept += (long)l + (long)i + last + (long)f + (long)__real__ z; return l; }
APART double halved(double d) { kept++; return d / 2; }
APART int reads(struct flags *f, struct point *p) { kept++; return f->low + inside(f->other) + p->y; }
APART int many(const char *format, ...) { kept += *format; return 0; }
APART void nothing(void) { kept++; }

int main(int argc, char **argv)
{
	struct flags f = {.other = some};
	struct point p = {1, 2};

	return scalars(1, 2, "", 3, RED, 4, 5, 6) + structs(p, (struct wide){}, (struct mixed){}, (struct large){}, 1).x
		+ spilled(1, 2, 3, 4, 5, (struct wide){}, 6) + made(3).n + halved(2) + wider(1, 2, 3, 4, 5)
		+ halves((struct floats){}, (struct odd){}, (struct packed){}, (struct empty){}, 1).n
		+ reads(&f, &p) + many("%d", 1) + (nothing(), 0);
}
