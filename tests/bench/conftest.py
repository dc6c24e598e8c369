"""What several files of this folder look at: one finished benchmark, one problem."""

import pytest

from effjax.bench.problems import make_problem
from tests.bench.configs import DIGITS, run, small_config


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of `small_config`, all of whose trials are there. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("bench") / "all"
    run(small_config(), folder)
    return folder


@pytest.fixture(scope="session")
def digits():
    return make_problem(DIGITS)
