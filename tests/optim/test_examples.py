"""The examples in the docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import effjax.optim

MODULES = [f"effjax.optim.{module.name}" for module in pkgutil.iter_modules(effjax.optim.__path__)]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_optimizer_of_ours_has_an_example():
    for info in effjax.optim.list_optimizers().values():
        if info.source == "effjax" and info.name not in ("noisy_sgd", "dpsgd"):  # optax's rules
            assert ">>>" in info.make.__doc__, info.name
