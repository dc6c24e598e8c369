"""Toy tasks in the unchanged loop: run in one go, or interrupted half-way and continued."""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

import effjax
from effjax.contract import Source
from effjax.errors import Preempted
from tests.contract.toys import Batch, Run, Toy, quiet, toy_config


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A step is compiled for the first of its runs only."""
    wanted = {
        "jax_compilation_cache_dir": str(tmp_path_factory.getbasetemp() / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in wanted}
    _use_cache(wanted)
    yield
    _use_cache(before)


def _use_cache(settings: dict[str, Any]) -> None:
    compilation_cache.reset_cache()
    for name, value in settings.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[type[Toy]], Run]:
    """trained(task) -> the run of a toy task, made once."""
    return functools.cache(lambda task: Run(task, tmp_path_factory.mktemp(task.__name__)))


@pytest.fixture
def interrupted(tmp_path, monkeypatch) -> Callable[[type[Toy]], Run]:
    """interrupted(task) -> the same in two halves: SIGTERM, then the same call again."""

    def run(task: type[Toy]) -> Run:
        half = task.steps // 2
        with monkeypatch.context() as patched:
            source = task.source
            patched.setattr(task, "source", lambda self: Interrupting(source(self), half))
            with pytest.raises(Preempted, match=f"saved at step {half}"):
                effjax.train(toy_config(task), tmp_path, display=quiet())
        return Run(task, tmp_path)

    return run


class Interrupting(Source):
    """A source during which a signal comes, so that `after` updates are made."""

    def __init__(self, source, after: int):
        self._source, self._after = source, after
        self.num_examples, self.spec = source.num_examples, source.spec

    def batches(self, start: int = 0) -> Iterator[Batch]:
        for step, batch in enumerate(self._source.batches(start), start):
            if step + 1 == self._after:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch
