"""Every recorded trajectory of the authors' code, at every step."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.parity.optim_cases import run_case

FOLDER = Path(__file__).parents[1] / "parity"
CASES = json.loads((FOLDER / "optimizers.json").read_text())["cases"]
RECORDED = np.load(FOLDER / "optimizers.npz")
FEW = ("adan_masked_clip", "adamw_win2_schedule", "lamb", "lookahead_adam", "slrla")


def problem(dtype):
    params0 = {k: RECORDED[f"params0/{k}"].astype(dtype) for k in "bsw"}
    noise = {k: RECORDED[f"noise/{k}"].astype(dtype) for k in "bsw"}
    return params0, noise


def recorded(name):
    prefix = f"{name}/"
    return {k.removeprefix(prefix): RECORDED[k] for k in RECORDED.files if k.startswith(prefix)}


@pytest.mark.parametrize("name", CASES)
def test_float64(name):
    tracks, expected = run_case(CASES[name], *problem(np.float64)), recorded(name)
    assert set(tracks) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(tracks[key], values, rtol=0, atol=1e-10, err_msg=key)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FEW else pytest.mark.slow) for n in CASES]
)
def test_float32(name):
    """Relative to the largest value of a leaf: single entries pass through zero."""
    tracks, expected = run_case(CASES[name], *problem(np.float32)), recorded(name)
    for key, values in expected.items():
        atol = 1e-6 * np.abs(values).max()
        np.testing.assert_allclose(tracks[key], values, rtol=1e-6, atol=atol, err_msg=key)
