"""A table of things that a config names: losses, evaluators, token mixers.

LOSSES = Registry("loss", "--config.task.loss=package.module:function")

@LOSSES.register("focal", "cross-entropy, less for what is easy")
def focal(logits, targets): ...

LOSSES.find("focal"), LOSSES.find("my_package.losses:brier"), LOSSES.lines()
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from effjax import plugins
from effjax.errors import UserError, nearest

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Entries by name, each with one line of text.

    Args:
      kind: what an entry is, for messages and records.
      own: how a user names one of his own.
      fits: whether what the path of a plug-in names can be used.
      expected: what it should be, for messages.

    Attributes:
      entries: {name: entry}.
    """

    def __init__(
        self,
        kind: str,
        own: str,
        fits: Callable[[Any], bool] = callable,
        expected: str = "function",
    ):
        self.entries: dict[str, Entry] = {}
        self._lines: dict[str, str] = {}
        self._kind = kind
        self._own = own
        self._fits = fits
        self._expected = expected

    def register(self, name: str, line: str) -> Callable[[Entry], Entry]:
        """A decorator that makes an entry known by `name`.

        Args:
          name: what a config says.
          line: one line that describes it, for lists.

        Raises:
          ValueError: the name is taken.
        """

        def add(entry: Entry) -> Entry:
            self.enter(name, line, entry, entry.__module__)
            return entry

        return add

    def enter(self, name: str, line: str, entry: Entry, module: str) -> None:
        """Makes an entry known by `name`; `module` is the one that registers it.

        Raises:
          ValueError: the name is taken.
        """
        if name in self.entries:
            raise ValueError(f"a {self._kind} named {name!r} is registered already")
        self.entries[name] = entry
        self._lines[name] = line
        plugins.note(self._kind, name, module)

    def lines(self) -> dict[str, str]:
        """{name: one line} of all entries."""
        return {name: self._lines.get(name, "") for name in sorted(self.entries)}

    def find(self, name: str) -> Entry:
        """The entry of a registered name, or of "package.module:Name".

        Raises:
          UserError: unknown name, or nothing that fits in the module.
        """
        found = plugins.look_up(self._kind, name, self.entries, self._fits, self._expected)
        if found is None:
            hint = nearest(name, self.entries)
            raise UserError(f"unknown {self._kind} {name!r}; {hint}\nyour own: {self._own}")
        return found
