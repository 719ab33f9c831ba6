"""What all tests share: deterministic property tests, where real data lies, and a clean slate for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Deadlines measure the machine, not the code; on a shared machine they only make noise.
settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
# The same examples every time, so that a red build is red for everyone.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets (MNIST, Adult, ...) that the environment variable CHAINRULE_DATA names."""
    folder = os.environ.get("CHAINRULE_DATA")
    if not folder:
        pytest.skip("needs real data: set CHAINRULE_DATA to the folder that holds mnist/, tabular/, ...")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"CHAINRULE_DATA is {folder!r}, which is not a folder")
    return path
