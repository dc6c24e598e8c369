"""Recorded scores of features and logits."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from effjax.sample import scores


def of_features(
    spec: Any, inputs: Mapping[str, np.ndarray], keys: list[str]
) -> Iterator[tuple[str, Any]]:
    settings = spec["cases"]["scores"]
    real, samples = inputs["scores/reference"], inputs["scores/sample"]
    few = real[: settings["dim"] // 2]
    yield "scores/frechet", scores.frechet(scores.moments(real), scores.moments(samples))
    yield "scores/frechet_few", scores.frechet(scores.moments(few), scores.moments(samples))
    normals = []
    for number in "12":
        mean = inputs[f"scores/diagonal/mu{number}"]
        normals.append(scores.Moments(mean, np.diag(inputs[f"scores/diagonal/v{number}"]), 1))
    yield "scores/diagonal/frechet", scores.frechet(*normals)
    yield "scores/inception_one_split", scores.inception_score(inputs["scores/logits"])
    split = scores.inception_score(inputs["scores/logits"], settings["split"])
    yield "scores/inception_splits", split
    found = scores.manifold(real, samples, settings["neighbours"])
    for name in ("precision", "recall", "density", "coverage"):
        yield f"scores/{name}", getattr(found, name)
    yield "scores/kernel_unbiased", scores.kernel_distance(real, samples)
    width, scale = settings["cmmd_width"], settings["cmmd_scale"]
    yield "scores/cmmd", scores.cmmd(real, samples, width, scale)


SCORES = {"scores/": of_features}
