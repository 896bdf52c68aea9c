namespace outer {
struct shape {
	virtual int area(int scale) const;
	template <typename T> T grow(T by);
};
int shape::area(int scale) const { return scale; }
template <> long shape::grow<long>(long by) { return by + 1; }
}

extern "C" void _start()
{
	outer::shape s;
	s.grow(2L);
	for (;;)
		;
}
