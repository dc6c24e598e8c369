"""Compares what a runner of recorded cases computes with the recording in this folder."""

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def check(area: str, compute: Callable[..., Any], *prefixes: str) -> None:
    """Asserts that all keys of AREA.npz and AREA.json with one of these beginnings are right."""
    spec = json.loads((HERE / f"{area}.json").read_text())
    results = spec.pop("results")
    arrays = dict(np.load(HERE / f"{area}.npz"))
    inputs = {k: v for k, v in arrays.items() if any(fnmatchcase(k, p) for p in spec["inputs"])}
    answers = {k: v for k, v in arrays.items() if k not in inputs} | results
    # the last pattern that matches counts
    tolerances = {}
    for key in answers:
        matching = [t for p, t in spec["tolerance"].items() if fnmatchcase(key, p)]
        if key.startswith(prefixes) and matching[-1] != "skip":
            tolerances[key] = matching[-1]
    assert tolerances
    computed = dict(compute(spec, inputs, list(tolerances)))
    missing = set(tolerances) - computed.keys()
    assert not missing
    wrong = []
    for key, tolerance in tolerances.items():
        if not _same(computed[key], answers[key], tolerance):
            wrong.append(key)
    assert not wrong


def _same(got, want, tolerance):
    if isinstance(want, str):
        return got == want
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(
            _same(got[key], want[key], tolerance) for key in want
        )
    got, want = np.asarray(got), np.asarray(want)
    if tolerance == "objective":
        # a cost that may be lower than the recorded one
        return bool(np.all(got <= 1.01 * want))
    if want.dtype.kind not in "fc":
        return np.array_equal(got.astype(want.dtype).reshape(want.shape), want)
    largest = np.abs(want).max(initial=0.0) or 1.0
    error = np.abs(got.reshape(want.shape) - want).max(initial=0.0)
    return error <= tolerance * largest
