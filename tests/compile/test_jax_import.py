"""JAX runs programs in the calling thread where chainrule brought it in, and is left as it is elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import chainrule as cr
cr.compile(lambda x: cr.exp(x))(cr.ones(3))
import jax
print(jax.config.read("jax_cpu_enable_async_dispatch"))
"""


@pytest.mark.parametrize(
    ("before", "variables", "asynchronous"),
    [
        ("", {}, "False"),
        ("import jax", {}, "True"),
        ("", {"JAX_CPU_ENABLE_ASYNC_DISPATCH": "1"}, "True"),
    ],
    ids=["nobody else", "imported before", "chosen by the environment"],
)
def test_where_programs_run(before: str, variables: dict[str, str], asynchronous: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "JAX_CPU_ENABLE_ASYNC_DISPATCH"}
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, **variables},
    )
    assert done.stdout.strip() == asynchronous
