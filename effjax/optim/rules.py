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


def parameter_paths(tree: Any) -> list[str]:
    """The paths of the leaves of `tree`, in the order of `jax.tree.leaves`."""
    return [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    ]


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
    values, uncovered = [], []
    for path in parameter_paths(params):
        matches = (value for pattern, value in patterns if pattern.search(path))
        try:
            values.append(next(matches))
        except StopIteration:
            uncovered.append(path)
    if uncovered:
        more = f" and {len(uncovered) - 3} more" if len(uncovered) > 3 else ""
        raise ValueError(
            f"no rule for {what} covers {', '.join(map(repr, uncovered[:3]))}{more}; "
            'add a last rule (".*", value)'
        )
    return jax.tree.structure(params).unflatten(values)


def unused_rules(rules: Rules, params: Any) -> list[str]:
    """The expressions of those rules that decide for no parameter (often a misspelt name)."""
    used = set()
    for path in parameter_paths(params):
        first = next((i for i, (rule, _) in enumerate(rules) if re.search(rule, path)), None)
        used.add(first)
    return [pattern for i, (pattern, _) in enumerate(rules) if i not in used]


def _compiled(pattern: str, what: str) -> re.Pattern:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"the rule {pattern!r} for {what} is not a regular expression: {error}"
        ) from error
