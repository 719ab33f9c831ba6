"""Imports chainrule; prints how long that took within the process."""

import time

started = time.perf_counter()
import chainrule  # noqa: E402, F401 (what is measured)

print(f"{time.perf_counter() - started:.2f} s")
