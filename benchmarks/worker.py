"""One peer in a process of its own, `python -m benchmarks.worker WORKLOAD PEER [--one-step]`: a round for every line it
is sent.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.workload import Given
from benchmarks.workloads import WORKLOADS

_SECONDS = 0.25
"""What a turn should last: short rounds are repeated."""


def main() -> None:
    work = WORKLOADS[sys.argv[1]]
    given = work.given()
    if sys.argv[3:]:
        given = Given(given.weights, tuple(x[:1] for x in given.batches))
    go = work.peers[sys.argv[2]](given)
    print(json.dumps({"value": go()}), flush=True)
    repeats = 1
    for _ in sys.stdin:
        started = time.perf_counter()
        for _ in range(repeats):
            go()
        seconds = (time.perf_counter() - started) / repeats
        repeats = max(round(_SECONDS / seconds), 1)
        # kilobytes on Linux, bytes on macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
        print(json.dumps({"seconds": seconds, "steps": given.steps, "mebibytes": peak}), flush=True)


if __name__ == "__main__":
    main()
