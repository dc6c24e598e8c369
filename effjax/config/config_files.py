"""Runs a config file, and says which words it takes after its colon.

A config file is Python:

    ARGS = ("s18", "s36")            # optional: the words of `file.py:word`
    def get_config(size="s18"): ...  # starts from effjax.default_config() and returns it
    def quick(config): ...           # optional: changes the config for `file.py:quick`

A word of `ARGS` in capitals, such as "NAME.TAG", stands for any word: `get_config` checks it. A
file with neither `ARGS` nor `quick` checks all its words itself.
"""

import contextlib
import importlib.machinery
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from effjax.errors import UserError, nearest
from effjax.version import HOME

QUICK = "quick"
CONFIGS = Path("configs")
# functions of a config file -> what they return, for messages
RETURNED = {
    "get_config": "the config",
    "sweep": "the variants",
    "search": "the search",
    "table": "the networks to train",
}
EXAMPLES = {
    "search": "configs/search/evolution_digits.py",
    "table": "configs/search/table_cifar10.py",
}


def call_config(spec: str, name: str) -> Any:
    """What the function `name` of the config file `path.py[:word]` returns.

    Raises:
      UserError: no such file, function or word, or an error inside the file.
    """
    path_text, _, word = spec.partition(":")
    path = find_config(path_text)
    with _folder_on_path(path), _errors_in_one_line(path):
        module = _execute(path)
        _check_word(path, module, word)
        function = getattr(module, name, None)
        if not callable(function):
            what = RETURNED.get(name, "the variants")
            example = f"\none that has: --config={EXAMPLES[name]}" if name in EXAMPLES else ""
            raise UserError(f"{path} has no function {name}(arg=None) that returns {what}{example}")
        is_quick = name == "get_config" and word == QUICK and hasattr(module, QUICK)
        if is_quick:
            config = function()
            module.quick(config)
            return config
        if word:
            return function(word)
        return function()  # so that the file's own default holds


def shipped_configs() -> Path | None:
    """The folder of the configs that ship with effjax: in its checkout, or where it is installed.

    None if they were left out of the installation.
    """
    installed = Path(sysconfig.get_path("data")) / "share/effjax/configs"
    for folder in (HOME / CONFIGS, installed):
        if folder.is_dir():
            return folder
    return None


def find_config(path_text: str) -> Path:
    """The file that `--config=...` names: a path, or the name of a config that ships.

    "quickstart", "quickstart.py" and "configs/quickstart.py" mean the same one. A file of the
    user's goes before those that ship.

    Raises:
      UserError: no such file, or a folder.
    """
    path = Path(path_text)
    if path.is_file():
        return path
    shipped = shipped_configs()
    # a folder that is called as a config does not hide it: optim.py beside optim/
    for folder in (CONFIGS, shipped):
        found = None
        if folder is not None:
            found = _below(folder, path)
        if found is not None:
            return found
    if path.is_dir():
        raise UserError(
            f"--config={path} is a folder; give a file in it\nlist: effjax configs {path}"
        )
    raise UserError(
        f"config file {str(path)!r} does not exist ({_hint(path, shipped)})\nlist: effjax configs"
    )


def _below(folder: Path, path: Path) -> Path | None:
    """The file `path` of a folder of configs, with or without "configs/" before and .py behind."""
    if path.is_absolute() or ".." in path.parts:
        return None  # these say where the file is
    if path.parts[:1] == (CONFIGS.name,):
        path = path.relative_to(CONFIGS)
    for name in (path, Path(f"{path}.py")):
        if (folder / name).is_file():
            return folder / name
    return None


def _hint(path: Path, shipped: Path | None) -> str:
    siblings = []
    if path.parent.is_dir():
        siblings = [str(sibling) for sibling in path.parent.glob("*.py")]
    if siblings and path.parent.name:
        return nearest(str(path), siblings)
    names = []
    if shipped is not None:
        for file in shipped.rglob("*.py"):
            # as typed: a name, or a path below configs/
            name = file.relative_to(shipped)
            names.append(str(name if path.suffix else name.with_suffix("")))
    names += siblings
    if not path.parent.is_dir():
        return "no such folder"
    return nearest(str(path), names) if names else "there is none here"


class _FromSource(importlib.machinery.SourceFileLoader):
    """Compiles a file each time.

    Python knows a compiled file by the source's size and the second of its last change: of a config
    that was changed again within a second, it would run the version before.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _execute(path: Path) -> ModuleType:
    name = f"effjax_config_{path.stem}"
    loader = _FromSource(name, str(path.absolute()))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    # a dataclass whose annotations are text looks for its module there
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _check_word(path: Path, module: ModuleType, word: str) -> None:
    words = [*getattr(module, "ARGS", ())]
    if hasattr(module, QUICK):
        words.append(QUICK)
    # the file checks its words itself; see the docstring at the head
    takes_any = not words or any(known.isupper() for known in words)
    if not word or takes_any or word in words:
        return
    listed = f"expected {QUICK!r}"
    if len(words) > 1:
        listed = f"expected one of {', '.join(words)}"
    raise UserError(f"{path} knows no arg {word!r}; {listed}")


@contextlib.contextmanager
def _folder_on_path(path: Path) -> Iterator[None]:
    """What several configs share lies beside them."""
    folder = str(path.parent.absolute())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


@contextlib.contextmanager
def _errors_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise  # names what is wrong already
    except Exception as error:
        raise UserError(_where(path, error)) from error


def _where(path: Path, error: Exception) -> str:
    """One line on an error raised inside a config file: the line, and what was wrong."""
    frames = traceback.extract_tb(error.__traceback__)
    filename = str(path.absolute())
    lines = [frame.lineno for frame in frames if frame.filename == filename]
    line = lines[-1] if lines else 0  # the innermost: errors come from deeper in a library
    if isinstance(error, SyntaxError):
        line = error.lineno  # no line of the file has run yet
    # ml_collections writes the whole section into the message; key and question are what helps
    key = re.search(r'Key "(\w+)" does not exist', str(error))
    question = re.search(r"Did you mean [\"']?(\w+)", str(error))
    if key:
        message = f"{path}:{line}: the config has no key {key.group(1)!r} there"
        if question:
            message += f"; did you mean {question.group(1)!r}?"
        return message
    # not str(error): a KeyError puts its message into quotes
    message = str(error.args[0] if error.args else error)
    first_line, *_ = message.strip().splitlines() or [""]
    return f"{path}:{line}: {type(error).__name__}: {first_line[:160]}"
