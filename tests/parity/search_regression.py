"""Recorded values of Bayesian linear regression (`blr/`)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from effjax.search.regression import fit_linear, published_evidence, published_improvement

KEY = re.compile(r"blr/alpha([^b/]+)beta([^/]+)/(\w+)")


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Iterable[str]
) -> Iterator[tuple[str, Any]]:
    """(key, value) of those of `keys` that are of a regression."""
    for key in keys:
        match = KEY.fullmatch(key)
        if match:
            value = _value(inputs, float(match[1]), float(match[2]), match[3])
            if value is not None:
                yield key, value


def _value(inputs, alpha, beta, name):
    x, y = inputs["blr/X"], np.ravel(inputs["blr/y"])
    fitted = fit_linear(x, y, alpha, beta)
    mean, variance = fitted.predict(inputs["blr/test"])
    values = {
        "mean": lambda: mean,
        "variance": lambda: variance,
        "evidence_code": lambda: published_evidence(x, y, alpha, beta),
        "ei_arch2vec": lambda: published_improvement(mean, variance, "arch2vec"),
        "ei_cate": lambda: published_improvement(mean, variance, "cate"),
    }
    return values[name]() if name in values else None
