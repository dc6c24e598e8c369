"""Plug-ins: code of the user's own, named "package.module:Name" wherever effjax asks for a name.

Every registry finds its entries through `look_up`; nothing else imports such code. A name stands in
a config that the user has written, or in a run's folder or an exported file, which may come from
anywhere. So the code is imported only from the user's own path (PYTHONPATH, or an installed package
that requires effjax), never from Python's library or another package. Its name is printed first,
and `--no-plugins` refuses it.

What user code has registered under a short name ("shift") is remembered with its module, and
written into a run's record: a program that has not imported that module finds the name again.
"""

import contextlib
import functools
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from effjax.errors import UserError, printable

PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # package.module:Name
SWITCH = "EFFJAX_NO_PLUGINS"  # an environment variable, so that worker processes refuse them too
CONFIG_FILE = "effjax_config_"  # how a config file's module is called while it runs
INSTALLED = ("site-packages", "dist-packages")


class Origin(NamedTuple):
    """Where a plug-in comes from.

    Attributes:
      module: "package.module".
      folder: what has to be on PYTHONPATH; "" where that is not known.
    """

    module: str
    folder: str


Key = tuple[str, str]  # (kind of thing, name)

_noted: dict[Key, Origin] = {}  # by this process
_recorded: dict[Key, Origin] = {}  # by the runs and files that were read
_printed: set[str] = set()


def is_plugin(name: str) -> bool:
    """Whether a name is the path of a plug-in."""
    return PATH.fullmatch(name) is not None


def look_up(
    kind: str,
    name: str,
    table: Mapping[str, Any],
    fits: Callable[[Any], bool] = callable,
    expected: str = "function",
) -> Any:
    """The entry `name` of a registry's table, or the plug-in of that name; None: there is neither.

    Args:
      kind: what is looked for, for messages and records: "token mixer".
      name: an entry of `table`, or "package.module:Name".
      table: {name: entry} of what is registered; a plug-in may add to it as it is imported.
      fits: whether what the path names can be used.
      expected: what it should be, for messages: "TokenMixer".

    Raises:
      UserError: plug-ins are refused, the module is not the user's own or cannot be imported, or it
        has nothing of that name that fits.
    """
    recorded = _recorded.get((kind, name))
    if name in table:
        _refuse_namesake(kind, name, recorded)
        return table[name]
    if is_plugin(name):
        module_name, _, attribute = name.partition(":")
        module = _import(kind, name, Origin(module_name, recorded.folder if recorded else ""))
        found = getattr(module, attribute, None)
        if found is None or not fits(found):
            raise UserError(f"{kind} {name!r}: {module_name} has no {expected} named {attribute}")
        note(kind, name, module_name)
        return found
    if recorded is None:
        return None
    _import(kind, name, recorded)
    if name not in table:
        raise UserError(f"{kind} {name!r}: {recorded.module} does not register that name any more")
    return table[name]


def import_plugin(kind: str, name: str) -> Any:
    """The module of the plug-in "package.module:Name".

    Raises:
      UserError: see `look_up`.
    """
    module_name, _, _ = name.partition(":")
    recorded = _recorded.get((kind, name))
    module = _import(kind, name, Origin(module_name, recorded.folder if recorded else ""))
    note(kind, name, module_name)
    return module


def note(kind: str, name: str, module: str) -> None:
    """Remembers that a module has registered something; a registry's decorator calls it."""
    top = module.partition(".")[0]
    if top != "effjax":
        _noted[kind, name] = _origin(module)


def is_known(kind: str, name: str) -> bool:
    """Whether user code has registered a name, or the record of a run says that it did."""
    return (kind, name) in _noted or (kind, name) in _recorded


@contextlib.contextmanager
def refused(refuse: bool = True) -> Iterator[None]:
    """No plug-in is imported inside, if `refuse`."""
    before = os.environ.get(SWITCH)
    if refuse:
        os.environ[SWITCH] = "1"
    try:
        yield
    finally:
        if refuse and before is None:
            os.environ.pop(SWITCH, None)


# ------------------------------------------------------------------------- what a record holds


def to_record() -> list[dict[str, str]]:
    """What user code has registered or was found by its path, as JSON data for a record."""
    entries = []
    for (kind, name), origin in sorted(_noted.items()):
        if _is_users_own(origin.module.partition(".")[0]):
            entries.append({"kind": kind, "name": name, **origin._asdict()})
    return entries


def remember(record: Iterable[Mapping[str, str]]) -> None:
    """Takes a record's entries; their modules are imported only when their names are asked for."""
    for entry in record:
        origin = Origin(str(entry.get("module", "")), str(entry.get("folder", "")))
        _recorded[str(entry.get("kind", "")), str(entry.get("name", ""))] = origin


def _refuse_namesake(kind: str, name: str, recorded: Origin | None) -> None:
    """Refuses to take one plug-in for another one of the same name."""
    here = _noted.get((kind, name))
    if recorded and here and recorded.module != here.module:
        raise UserError(
            f"two plug-ins are called {name!r} ({kind}): that of {printable(recorded.module)}, "
            f"which the run used, and that of {here.module}\n"
            f"name it by its path: {here.module}:NAME"
        )


def _origin(module: str) -> Origin:
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    # a config file is a module too, under its own name
    module = module.removeprefix(CONFIG_FILE)
    if file is None:
        return Origin(module, "")
    levels = module.count(".")
    if Path(file).name == "__init__.py":
        levels += 1
    return Origin(module, str(Path(file).absolute().parents[levels]))


# ------------------------------------------------------------------------------------ importing


def _import(kind: str, name: str, origin: Origin) -> Any:
    shown = f"{kind} {printable(name)!r}"
    module_name = origin.module
    if os.environ.get(SWITCH):
        raise UserError(
            f"{shown} is code ({printable(module_name)}), which --no-plugins refuses\n"
            "leave the flag out if you trust it"
        )
    top = module_name.partition(".")[0]
    if _file_of(top) is None:
        raise UserError(
            f"{shown}: there is no module {printable(top)!r}; is it on PYTHONPATH?\n"
            f"{_where_it_lies(top, origin.folder)}"
        )
    if not _is_users_own(top):
        raise UserError(
            f"{shown}: {printable(top)} is not your own code, and is not imported for a name\n"
            "a plug-in lies on PYTHONPATH, or in an installed package that requires effjax"
        )
    if module_name not in _printed:
        _printed.add(module_name)
        # before its first line runs
        print(f"plug-in: {printable(name)} from {_file_of(top)}", file=sys.stderr, flush=True)
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(f"{shown}: {error}; is it on PYTHONPATH?") from error
    except UserError:
        raise
    except Exception as error:  # whatever user code raises
        raise UserError(f"{shown}: {module_name}: {type(error).__name__}: {error}") from error


def _file_of(top: str) -> str | None:
    """Where a top-level module lies, without importing it; None: there is none."""
    loaded = sys.modules.get(top)
    if loaded is not None:
        # a notebook's own cells have no file
        return getattr(loaded, "__file__", None) or _folder_of(loaded.__spec__) or "this session"
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):  # no module's name, or one without a spec, as __main__
        return None
    return None if spec is None else spec.origin or _folder_of(spec)


def _folder_of(spec: Any) -> str | None:
    """The folder of a package without __init__.py."""
    folders = list(getattr(spec, "submodule_search_locations", None) or ())
    return folders[0] if folders else None


def _is_users_own(top: str) -> bool:
    """Whether a top-level module may be a plug-in.

    A record could name any function of any module, such as one that removes files.
    """
    if top in sys.stdlib_module_names or top == "effjax":
        return False
    file = _file_of(top)
    if file is None:
        return False
    if not set(Path(file).parts) & set(INSTALLED):
        return True
    return _requires_effjax(top)


@functools.cache
def _requires_effjax(top: str) -> bool:
    """Whether an installed package is made for effjax. It reads all that is installed: seconds."""
    from importlib import metadata  # half of the time of `import effjax`

    for distribution in metadata.packages_distributions().get(top, ()):
        for requirement in metadata.requires(distribution) or ():
            if re.match(r"effjax\b", requirement):
                return True
    return False


def _where_it_lies(top: str, folder: str) -> str:
    """What to type."""
    if Path(f"{top}.py").is_file() or Path(top).is_dir():
        return "it lies here: PYTHONPATH=. effjax ..."
    if folder:
        return f"the record says that it lay here: PYTHONPATH={printable(folder)} effjax ..."
    return "PYTHONPATH=FOLDER effjax ..., with the folder that holds it"
