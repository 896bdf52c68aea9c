// A program to trace with what C++ has and C has not. `target N` makes N rounds; a round i
// calls
//
//	shop::Counter::get(i)              by a pointer to its base class
//	shop::Counter::add(int), add(double), once each
//	shop::largest<int>, largest<long>  once each
//	shop::read(const Counter &)        a reference
//	shop::text(const std::string &)    "round"
//	shop::fails(i), which throws at odd i
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#define APART __attribute__((noinline, noclone))

namespace shop {

struct Named {
	int id = 7;
	const char *name = "counter";
	virtual ~Named() = default;
	virtual long get(int i) = 0;
};

struct Limits {
	long low = -1, high = 100;
};

class Counter : public Named, public Limits {
public:
	static int made;
	enum class State : unsigned char { Idle, Busy = 3 };
	State state = State::Busy;
	int value = 42;

	APART long get(int i) override;
	APART int add(int n);
	APART double add(double n);
};

int Counter::made = 0;

long Counter::get(int i) { return value + i; }
int Counter::add(int n) { return value + n; }
double Counter::add(double n) { return value + n; }

template <typename T> APART T largest(T a, T b) { return a > b ? a : b; }

APART int read(const Counter &c) { return c.value; }
APART size_t text(const std::string &s) { return s.size(); }

APART int fails(int i)
{
	if (i & 1)
		throw std::runtime_error("odd");
	return i;
}

} // namespace shop

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	volatile long kept = 0;
	shop::Counter counter;
	shop::Named *named = &counter;
	std::string round = "round";

	for (int i = 0; i < n; i++) {
		kept = kept + named->get(i);
		kept = kept + counter.add(i) + (long)counter.add(0.5);
		kept = kept + shop::largest<int>(i, 5) + shop::largest<long>(i, 5);
		kept = kept + shop::read(counter) + shop::text(round);
		try {
			kept = kept + shop::fails(i);
		} catch (const std::runtime_error &) {
			kept = kept + 1;
		}
	}
	printf("%d rounds\n", n);
	return 0;
}
