// The library beside target.c.
#include "sdt.h"

void event(int i)
{
	PROBE2(shared, event, 0, i, i + 1);
}
