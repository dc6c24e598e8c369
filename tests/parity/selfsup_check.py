"""Compares `selfsup_cases` with the recording beside it, to the recording's tolerances."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from tests.parity.selfsup_cases import compute

HERE = Path(__file__).parent


def check_recorded(*prefixes: str) -> None:
    """Asserts that all recorded keys with one of these beginnings are computed, and right."""
    spec = json.loads((HERE / "selfsup.json").read_text())
    results = spec.pop("results")
    arrays = dict(np.load(HERE / "selfsup.npz"))
    inputs = {k: v for k, v in arrays.items() if any(fnmatchcase(k, p) for p in spec["inputs"])}
    answers = {k: v for k, v in arrays.items() if k not in inputs} | results
    asked = [key for key in answers if key.startswith(prefixes)]
    assert asked
    computed = dict(compute(spec, inputs, asked))
    missing = set(asked) - computed.keys()
    assert not missing
    wrong = []
    for key in asked:
        # the last pattern that matches counts
        tolerance = [t for p, t in spec["tolerance"].items() if fnmatchcase(key, p)][-1]
        if not _same(computed[key], answers[key], tolerance):
            wrong.append(key)
    assert not wrong


def _same(got, want, tolerance):
    if isinstance(want, dict):
        return got == want
    got, want = np.asarray(got), np.asarray(want)
    if want.dtype.kind not in "fc":
        return np.array_equal(got.astype(want.dtype).reshape(want.shape), want)
    largest = np.abs(want).max(initial=0.0) or 1.0
    error = np.abs(got.reshape(want.shape) - want).max(initial=0.0)
    return error <= tolerance * largest
