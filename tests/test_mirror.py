"""The tests of effjax/a/b.py are in tests/a/test_b.py; what has none is listed with its reason."""

from pathlib import Path

from benchmarks.readability import untested

ROOT = Path(__file__).parent.parent

# Modules without logic of their own.
WITHOUT = {
    "cli/claims.py": "declares flags and calls effjax/claims/verb.py",
    "cli/export.py": "declares flags and calls effjax/export/write.py",
    "cli/train.py": "declares flags and calls effjax/tasks/run.py",
    "contract/evaluator.py": "a protocol",
    "contract/state.py": "a dataclass",
    "data/builders/images.py": "a form that TFDS fills; data/tools/test_prepare.py reads it back",
    "diffusion/process.py": "a protocol",
    "models/blocks/arguments.py": "a type",
    "trials/trial.py": "two dataclasses",
    "version.py": "two constants",
}


def test_every_module_has_its_test_file():
    missing = {str(path) for path in untested(ROOT / "effjax", ROOT / "tests")}
    assert missing == set(WITHOUT)
