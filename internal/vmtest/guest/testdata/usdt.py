# What Python's own USDT probes fire at, so often that the numbers are known: it collects
# garbage, imports modules, found and not, and tells of events.
import gc
import posix
import sys


def garbage(n):
    for _ in range(n):
        ring = []
        ring.append(ring)


gc.disable()
gc.collect()
sys.audit("pony.begin")
collected = 0
for generation, rounds in enumerate((50, 30, 20)):
    for _ in range(rounds):
        garbage(7)
        collected += gc.collect(generation)
for i in range(40):
    sys.audit("pony.round", i)
for i in range(12):
    try:
        __import__(f"pony{i % 4}")
    except ImportError:
        pass
for _ in range(9):
    sys.modules.pop("_string", None)
    import _string
sys.audit("pony.end")
print(f"{collected} collected", flush=True)
# The end of the interpreter collects and imports as well.
posix._exit(0)
