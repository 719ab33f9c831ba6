"""Peers in a process of their own, `python -m benchmarks.worker WORKLOAD [--one-step] PEER...`: a round of the peer
that is named in every line it is sent.
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
    name, *peers = sys.argv[1:]
    work = WORKLOADS[name]
    given = work.given()
    if peers[0] == "--one-step":
        del peers[0]
        given = Given(given.weights, tuple(x[:1] for x in given.batches))
    rounds = {peer: work.peers[peer](given) for peer in peers}
    print(json.dumps({peer: go() for peer, go in rounds.items()}), flush=True)
    repeats = dict.fromkeys(peers, 1)
    for line in sys.stdin:
        peer = line.strip()
        started = time.perf_counter()
        for _ in range(repeats[peer]):
            rounds[peer]()
        seconds = (time.perf_counter() - started) / repeats[peer]
        repeats[peer] = max(round(_SECONDS / seconds), 1)
        # kilobytes on Linux, bytes on macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
        print(json.dumps({"seconds": seconds, "steps": given.steps, "mebibytes": peak}), flush=True)


if __name__ == "__main__":
    main()
