"""Labels that cannot all be right: images with the very same bytes in several classes."""

from collections.abc import Iterable, Sequence

from effjax.errors import printable

LISTED = 20  # groups that the text names

Example = tuple[str, str]  # its name, and the name of its class


def contradicting(groups: Iterable[Sequence[Example]]) -> list[tuple[Example, ...]]:
    """Those of some groups of equal images that are in more than one class."""
    found = []
    for group in groups:
        classes = {label for _, label in group}
        if len(classes) > 1:
            found.append(tuple(group))
    return found


def describe(groups: Sequence[Sequence[Example]]) -> list[str]:
    """Lines of text; none if no labels contradict each other."""
    if not groups:
        return []
    images = sum(len(group) for group in groups)
    lines = [f"same bytes in several classes: {len(groups)} groups, {images} images"]
    for group in groups[:LISTED]:
        named = [f"{name} ({printable(label)})" for name, label in group]
        lines.append(f"  {' = '.join(named)}")
    return lines
