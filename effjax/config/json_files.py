"""Reads JSON that may be damaged: what does not have the expected shape is a user's mistake."""

import json
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.kinds import Misfit, fit

JSON_TYPES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def read_json(path: Path, shape: Any, remedy: str = "") -> Any:
    """The content of a JSON file, checked against an annotation.

        class Card(TypedDict):
            architecture: str
            labels: NotRequired[list[str]]

        read_json(path, Card, "export the network again")
        read_json(path, dict[str, int])

    Args:
      path: of the file, here or in a bucket.
      shape: an annotation as `effjax.kinds.fit` takes it; keys that a `TypedDict` does not
        declare are kept.
      remedy: what the user can do; the second line of the message.

    Raises:
      UserError: the file cannot be read, is not JSON, or has another shape.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(_message(path, "is not text", remedy)) from None
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise UserError(_message(path, problem, remedy)) from error
    return parse_json(text, shape, path, remedy)


def parse_json(text: str, shape: Any, where: Any, remedy: str = "") -> Any:
    """As `read_json`, of a text that comes from `where` (named in the message).

    Raises:
      UserError: it is not JSON, or has another shape.
    """
    try:
        content = json.loads(text)
    except ValueError as error:  # JSONDecodeError is one, and so is a number of too many digits
        raise UserError(_message(where, f"is not JSON: {error}", remedy)) from None
    except RecursionError:  # thousands of opening brackets
        raise UserError(_message(where, "is not JSON: nested too deeply", remedy)) from None
    try:
        return fit(content, shape)
    except Misfit as expected:
        # in the words of JSON: the file was not written by hand in Python
        found = JSON_TYPES[type(content)]
        problem = f"holds {found}; expected {expected}"
        raise UserError(_message(where, problem, remedy)) from None


def _message(where: Any, problem: str, remedy: str) -> str:
    if not remedy:
        return f"{where} {problem}"
    return f"{where} {problem}\n{remedy}"
