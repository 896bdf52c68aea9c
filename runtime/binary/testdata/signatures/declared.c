struct declared { long before, inside; };

static struct declared one = {1, 7};
struct declared *some = &one;

long inside(struct declared *d) { return d->inside; }
