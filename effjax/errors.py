"""Exceptions that mean something to the command line."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake that the message tells how to mend.

    The message takes one or two lines: what came, what was expected, what to type. The command line
    prints it without a traceback and exits with status 1 (`--debug` shows the traceback).
    """


def nearest(word: str, words: Iterable[str], count: int = 3, cutoff: float = 0.5) -> str:
    """A phrase that names the entries of `words` closest to `word`: "did you mean 'a' or 'b'?".

    Args:
      cutoff: how alike a word must be, from 0 to 1; if none is, the phrase lists those known.
    """
    words = sorted(set(words))
    close = difflib.get_close_matches(word, words, n=count, cutoff=cutoff)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    listed = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
    return f"known: {listed}" if words else "there are none"


def printable(text: str) -> str:
    """`text` with control characters and line breaks escaped, so that a terminal only shows it.

    Names of files and classes come from outside: they may hold escape sequences.
    """
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def printable_lines(text: str) -> str:
    """As `printable`, of a text whose line breaks are ours."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _escape(char: str) -> str:
    # a byte that is not UTF-8 is a lone surrogate: it cannot be printed either
    return char.encode("unicode_escape", "surrogatepass").decode()


class ReaderGone(BaseException):
    """Nobody reads the rest of what is written, as in `effjax models | head`; the end is quiet.

    No OSError, as those tell that a file cannot be written, and no Exception: to a benchmark these
    are trials that failed.
    """


class NonFinite(RuntimeError):
    """A gradient was NaN or infinite and the run stopped there; the command line exits with 3."""


class Preempted(RuntimeError):
    """The run was asked to stop, saved its state and stopped; the command line exits with 75."""
