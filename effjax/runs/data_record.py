"""What a run notes of its training data, to notice when it is continued on others."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a run's folder is looked at before JAX is imported
    from effjax.contract import Source

NAMED = 3  # classes that the message spells out


def describe_data(source: "Source") -> dict[str, Any]:
    """{"examples", "classes", "fingerprint"} of a source, as JSON data; what it does not know is
    left out.

    A source that can tell more than its number of examples has `identity()`, as
    `effjax.data.Split` has: the fingerprint changes with the images, the labels and their order,
    and with nothing else.
    """
    identity = getattr(source, "identity", None)
    if identity is not None:
        return identity()
    return {"examples": int(source.num_examples)}


def difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """What differs between two records, in words; None if nothing does.

    Only entries that both have are compared, so that older runs can be continued.
    """
    differing = [key for key in before if key in now and before[key] != now[key]]
    if not differing:
        return None
    if "examples" in differing:
        return f"{before['examples']} training examples then, {now['examples']} now"
    if "classes" in differing:
        return _other_classes(before["classes"], now["classes"])
    return "as many examples and the same classes, but other images, labels or another order"


def _other_classes(before: list[str], now: list[str]) -> str:
    if sorted(before) == sorted(now):
        return "the same classes in another order"
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    return f"classes {_listed(before, gone)} then, {_listed(now, new)} now"


def _listed(names: list[str], interesting: list[str]) -> str:
    """The names that differ, or the number of all if none does."""
    if not interesting:
        return f"{len(names)} in all"
    shown = ", ".join(map(repr, interesting[:NAMED]))
    return f"{shown}, ..." if len(interesting) > NAMED else shown
