#define APART __attribute__((noinline, noclone))

namespace shop {

struct Named {
	int id = 7;
	static int made;
	virtual ~Named() {}
};
int Named::made;

struct Limits { long low = -1, high = 100; };
struct Common { int common = 3; };

class Counter : public Named, public Limits, public virtual Common {
public:
	enum class State : unsigned char { Idle, Busy = 3 };
	State state = State::Busy;
	int value = 42, id = 9;

	APART long add(int n) const;
};

struct Owner { // is copied by a function
	long n = 5;
	Owner() = default;
	Owner(const Owner &o) : n(o.n) {}
};
struct Holds { Owner inside; };
struct Plain { int a = 1; Plain() = default; Plain(const Plain &) = default; };

volatile long kept;

long Counter::add(int n) const { kept = kept + n; return value + n; }
APART int takes(Owner o, Plain p, Holds h, Counter &c, Counter &&d, bool on, decltype(nullptr) none)
{ kept = kept + o.n + p.a + h.inside.n + c.value + d.id + on; return 1; }
APART Owner gives(int n) { kept = kept + n; return Owner(); }
template <typename T> APART T twice(T t) { kept = kept + 1; return t + t; }

} // namespace shop

int main()
{
	shop::Counter c, d;
	return c.add(2) + shop::takes({}, {}, {}, c, static_cast<shop::Counter &&>(d), true, nullptr)
		+ shop::gives(1).n + shop::twice(2.5) + shop::twice(3);
}
