"""The examples in the docstrings run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import effjax.optim

MODULES = [f"effjax.optim.{module.name}" for module in pkgutil.iter_modules(effjax.optim.__path__)]


def examples_of(module):
    """The module's examples, with those of functions that a decorator has wrapped."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module)
    for name, function in vars(module).items():
        is_own = getattr(function, "__module__", None) == module.__name__
        if is_own and hasattr(function, "__wrapped__"):
            globs = dict(vars(module))
            found += finder.find(inspect.unwrap(function), name, module, globs=globs)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    runner = doctest.DocTestRunner()
    for example in examples_of(importlib.import_module(name)):
        assert runner.run(example).failed == 0


def test_every_optimizer_of_ours_has_an_example_that_is_found():
    optax_rules = ("noisy_sgd", "dpsgd")
    for info in effjax.optim.list_optimizers().values():
        if info.source != "effjax" or info.name in optax_rules:
            continue
        assert ">>>" in info.make.__doc__, info.name
        found = examples_of(importlib.import_module(info.make.__module__))
        assert any(info.make.__name__ in test.name and test.examples for test in found), info.name
