"""Which parameters Muon's orthogonal steps serve, and how a kernel becomes a matrix.

Muon (Jordan et al. 2024) is for matrices inside the network. As in its authors' code, a
convolution's kernel [I, J, C, O] counts as the matrix [I J C, O]. Adam serves the rest: depthwise
kernels [I, J, 1, O], embeddings, heads, biases and scales.
"""

import re
from typing import Any

import jax
import optax
from optax.contrib import MuonDimensionNumbers

from effjax.optim.decay import is_masked
from effjax.optim.rules import path_of

# A head or an embedding: by the first part of the path, or by any part of it.
_HEAD = re.compile(r"(head|norm|fc|classifier|logits)")
_TABLE = re.compile(r"(embed|token|table|position)")


def muon_matrices(params: optax.Params) -> Any:
    """A tree like `params`: how each leaf becomes a matrix, or None where Adam serves it."""

    def of_leaf(path: tuple, p: Any) -> MuonDimensionNumbers | None:
        # a blank of another group of parameters stays one
        if is_masked(p):
            return p
        name = path_of(path)
        if _HEAD.match(name) or (_TABLE.search(name) and not name.endswith("kernel")):
            return None
        # a dense layer's kernel, inputs first
        if p.ndim == 2:
            return MuonDimensionNumbers()
        is_convolution = p.ndim == 4 and name.endswith("kernel")
        # depthwise: each output has a column of its own, and nothing to be orthogonal to
        if is_convolution and p.shape[2] > 1:
            return MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
        return None

    return jax.tree_util.tree_map_with_path(of_leaf, params, is_leaf=is_masked)


def muon_split(params: optax.Params) -> Any:
    """A tree like `params` of the labels 'muon' and 'adam'."""

    def label(matrix: MuonDimensionNumbers | None, p: Any) -> str:
        del p
        return "adam" if matrix is None else "muon"

    matrices = muon_matrices(params)
    return jax.tree.map(label, matrices, params, is_leaf=_is_answer)


def _is_answer(node: Any) -> bool:
    return node is None or isinstance(node, MuonDimensionNumbers)
