"""Rules over parameter paths: which parameters decay, learn faster, or are frozen.

A rule is a pair (regular expression, value); a parameter's path is its keys joined by '/', such as
`stage1/block0/mixer/kernel`. The first rule that is found in the path (`re.search`) decides.

    decay = match_rules([("bias|scale", False), (".*", True)], params, what="decay")
"""

import re
from collections.abc import Sequence
from typing import Any

import jax

Rules = Sequence[tuple[str, Any]]


def path_of(keys: tuple[Any, ...]) -> str:
    """A path of JAX's tree functions as text, such as `stage1/block0/mixer/kernel`."""
    return jax.tree_util.keystr(keys, simple=True, separator="/")


def parameter_paths(tree: Any) -> list[str]:
    """The paths of the leaves of `tree`, in the order of `jax.tree.leaves`."""
    return [path_of(keys) for keys, _ in jax.tree_util.tree_leaves_with_path(tree)]


def match_rules(rules: Rules, params: Any, what: str = "a rule") -> Any:
    """A tree like `params` that holds, for each leaf, the value of the first rule that matches.

    Args:
        rules: pairs (regular expression, value).
        params: any tree.
        what: what the values mean, for the messages.

    Raises:
        ValueError: if a parameter is matched by no rule, or an expression is not valid.
    """
    patterns = [(_compiled(pattern, what), value) for pattern, value in rules]
    values = []
    uncovered = []
    for path in parameter_paths(params):
        matching = [value for pattern, value in patterns if pattern.search(path)]
        if matching:
            values.append(matching[0])
        else:
            uncovered.append(path)
    if uncovered:
        shown = ", ".join(map(repr, uncovered[:3]))
        more = f" and {len(uncovered) - 3} more" if len(uncovered) > 3 else ""
        raise ValueError(f'no rule for {what} covers {shown}{more}; add a last rule (".*", value)')
    return jax.tree.structure(params).unflatten(values)


def unused_rules(rules: Rules, params: Any) -> list[str]:
    """The expressions of those rules that decide for no parameter (often a misspelt name)."""
    used = set()
    for path in parameter_paths(params):
        for number, (pattern, _) in enumerate(rules):
            if re.search(pattern, path):
                used.add(number)
                break
    return [pattern for number, (pattern, _) in enumerate(rules) if number not in used]


def layer_depths(params: Any) -> Any:
    """A tree like `params` that holds how deep in the network each leaf is, guessed from its path.

    For networks that do not state it; those of `effjax.models` do, and are asked in training.

    0: what comes before the first block (stem, patch and position embeddings); i + 1: block i,
    counted through all stages, a stage's downsampling with the block after it; one more than the
    last block: what follows it (final norm, head).
    """
    paths = parameter_paths(params)
    matches = [_BLOCK.match(path) for path in paths]
    blocks = sorted({match[0] for match in matches if match}, key=_in_order)
    stages: dict[str, int] = {}
    for depth, block in enumerate(blocks, 1):
        # the depth of a stage's first block
        stages.setdefault(_first_part(block), depth)

    def depth_of(path: str) -> int:
        match = _BLOCK.match(path)
        if match:
            return blocks.index(match[0]) + 1
        part = _first_part(path)
        if _LAST.match(part):
            return len(blocks) + 1
        # a stage's downsampling goes with its first block; the stem is in no stage
        return stages.get(part, 0)

    depths = [depth_of(path) for path in paths]
    return jax.tree.structure(params).unflatten(depths)


def depth_scales(depths: Any, top: int, decay: float) -> Any:
    """Layer-wise decay of the learning rate: decay ** (layers above), 1 for the head.

    As in BEiT and MAE (0.65 for ViT-B, 0.75 for ViT-L); an `lr_scale` of `create`.

    Args:
      depths: a tree of ints, how deep each parameter is: `model.layer_depths(params)` states it.
      top: the depth of the head, `model.layer_count`.
      decay: the factor from each layer to the one below.
    """
    return jax.tree.map(lambda depth: decay ** (top - depth), depths)


def layer_scales(params: Any, decay: float) -> Any:
    """`depth_scales` of parameters of which nothing states the depth: see `layer_depths`."""
    depths = layer_depths(params)
    top = max(jax.tree.leaves(depths), default=0)
    return depth_scales(depths, top, decay)


# The part of a path that ends in the number of a block: "stages_0/blocks_2", "layer_3".
_BLOCK = re.compile(r"(?:[^/]+/)*?[^/]*(?:block|layer)s?\d*_\d+(?=/|$)")
# What follows the last block.
_LAST = re.compile(r"(head|norm|fc|classifier)")


def _first_part(path: str) -> str:
    return path.partition("/")[0]


def _in_order(path: str) -> list:
    """A key that sorts numbers inside names by value: blocks_2 before blocks_10."""
    key: list[int | str] = []
    # text and numbers take turns, so that keys compare like with like
    for part in re.split(r"(\d+)", path):
        key.append(int(part) if part.isdigit() else part)
    return key


def _compiled(pattern: str, what: str) -> re.Pattern:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"the rule {pattern!r} for {what} is not a regular expression: {error}"
        ) from error
