"""One peer in a process of its own, `python -m benchmarks.worker WORKLOAD PEER`: a round for every line it is sent."""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS


def main() -> None:
    work = WORKLOADS[sys.argv[1]]
    go = PEERS[sys.argv[2]](*work.numbers())
    loss = go()
    go()
    print(json.dumps({"loss": loss}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        go()
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"microseconds": seconds / work.steps * 1e6, "mebibytes": peak}), flush=True)


if __name__ == "__main__":
    main()
