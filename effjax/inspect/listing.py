"""What there is to choose from: configs, models, optimizers, as rows for tables."""

import ast
import contextlib
import inspect
import textwrap
from pathlib import Path

from effjax import models, optim
from effjax.config.config_files import CONFIGS, QUICK, shipped_configs
from effjax.errors import UserError, nearest
from effjax.optim.hints import in_words
from effjax.report import format_count

SCREEN = 50  # lines that fit
COUNTED = 12  # models whose multiply-adds are worth waiting for: about a second each

DECAY_IN_WORDS = {
    "own": "its own",
    "added": "decoupled, added to its update",
    "coupled": "added to its gradient",
    "unmasked": "its own, of all parameters or of none",
    "inner": "as the optimizer inside does it",
}


def config_folder() -> Path:
    """configs/ in the current folder, else the configs that ship with effjax.

    Raises:
      UserError: neither is there.
    """
    if CONFIGS.is_dir():
        return CONFIGS
    shipped = shipped_configs()
    if shipped is not None:
        return shipped
    raise UserError(
        f"there is no folder {CONFIGS} here ({Path.cwd()}), and effjax was installed without its "
        "configs\ngo to your checkout of effjax, or name a folder: effjax configs DIR"
    )


def config_rows(folder: Path) -> list[tuple[str, str, str]]:
    """(file, what it takes after the colon, what it trains) of every config in a folder.

    Files are read, not run; one that is no Python or has no `get_config` gets a line that says it.

    Raises:
      UserError: no such folder, or no Python file in it.
    """
    paths = []
    if folder.is_dir():
        paths = sorted(folder.rglob("*.py"))
    if not paths:
        raise UserError(f"there is no config (*.py) in {folder}\ntype: effjax configs DIR")
    rows = []
    for path in paths:
        # what configs share, such as _base.py, is none itself
        if not path.name.startswith("_"):
            rows.append(_describe_config(path))
    return rows


def config_lines(folder: Path, width: int) -> list[str]:
    """The configs of a folder, a line of at most `width` columns for each.

    Where they would not fit a screen, those of each subfolder are named in a paragraph.

    Raises:
      UserError: as `config_rows`.
    """
    rows = config_rows(folder)
    whats = {Path(file).relative_to(folder).with_suffix(""): what for file, _, what in rows}
    if len(whats) < SCREEN:
        return _described(whats, width)
    # those for a first day lie at the top, the others in subfolders
    top = {name: what for name, what in whats.items() if len(name.parts) == 1}
    lines = _described(top, width)
    groups: dict[Path, list[str]] = {}
    for name in sorted(whats.keys() - top.keys()):
        groups.setdefault(name.parent, []).append(name.name)
    for group, names in groups.items():
        lines += ["", f"{group}/"]
        lines += textwrap.wrap(
            ", ".join(names), width - 2, initial_indent="  ", subsequent_indent="  "
        )
    return lines


def _described(whats: dict[Path, str], width: int) -> list[str]:
    """A line for each config: its name, and what fits of what it trains."""
    lines = []
    margin = max((len(str(name)) for name in whats), default=0) + 2
    for name in sorted(whats, key=lambda name: (len(name.parts) > 1, name)):
        line = textwrap.shorten(whats[name], width - margin, placeholder=" ...")
        lines.append(f"{name!s:<{margin}}{line}")
    return lines


def config_text(file: Path) -> list[str]:
    """All that a config file says of itself, and the words that it takes after a colon."""
    _, words, what = _describe_config(file)
    with contextlib.suppress(SyntaxError, ValueError):  # `what` says it
        what = ast.get_docstring(ast.parse(file.read_text())) or what
    return [str(file), "", *what.splitlines(), "", f"words: {words or 'none'}"]


def _describe_config(path: Path) -> tuple[str, str, str]:
    try:
        tree = ast.parse(path.read_text())
    except (SyntaxError, ValueError) as error:
        return str(path), "", f"cannot be read: {error}"
    defined = _defined_names(tree)
    if "get_config" not in defined:
        return str(path), "", "no config: it has no get_config(arg=None)"
    words = _literal_words(defined.get("ARGS"), defined)
    if QUICK in defined:
        words.append(QUICK)
    docstring = ast.get_docstring(tree) or ""
    first_line, _, _ = docstring.partition("\n")
    return str(path), ", ".join(words), first_line


def _defined_names(tree: ast.Module) -> dict[str, ast.AST]:
    """{name: what defines it} of a module's top level."""
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Name):  # not a.b = ... or a, b = ...
                defined[target.id] = node.value
        elif isinstance(node, ast.ImportFrom):
            # a config may take its get_config from another
            for alias in node.names:
                defined[alias.asname or alias.name] = node
    return defined


def _literal_words(value: ast.AST | None, defined: dict[str, ast.AST]) -> list[str]:
    """The words of `ARGS`, which is a literal, or the name of one: the file is not run."""
    if isinstance(value, ast.Name):
        value = defined.get(value.id)
    if value is None:
        return []
    try:
        return [str(word) for word in ast.literal_eval(value)]
    except (ValueError, TypeError):
        return ["(computed)"]


def model_rows(pattern: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """(header, rows) of the models that match; counted at their own input size if they are few.

    Raises:
      UserError: none matches.
    """
    # "architecture.tag" names weights; only the architecture is listed here
    architecture, _, _ = pattern.partition(".")
    names = models.list_models(architecture or pattern, kind=None)
    if not names:
        known = models.list_models(kind=None)
        raise UserError(
            f"no model matches {pattern!r}; {nearest(pattern, known)}\nlist: effjax models"
        )
    if len(names) > COUNTED:
        header = ["model", "what it is"]
        return header, [(name, models.entry(name).description) for name in names]
    header = ["model", "params", "macs", "input", "what it is"]
    return header, [_count_model(name) for name in names]


def weights_rows(pattern: str) -> list[tuple[str, ...]]:
    """(name, published top-1, input, classes, licence, source) of the published weights that match.

    The source leaves out a repository's name where it is that of the weights.

    `pattern` is of architectures, or of whole names "architecture.tag".
    """
    names = models.list_models(pattern, pretrained=True)
    names += models.list_models(f"{pattern}.*", pretrained=True)
    rows = []
    for name in sorted(set(names)):  # both patterns may match
        facts = models.pretrained(name)
        top1 = "-"
        if facts.top1 is not None:
            top1 = f"{facts.top1:.1f} %"
        row = (
            name,
            top1,
            f"{facts.input_size}x{facts.input_size}",
            str(facts.num_classes),
            facts.licence,
            facts.source.removesuffix(f"/{name}"),
        )
        rows.append(row)
    return rows


def _count_model(name: str) -> tuple[str, ...]:
    entry = models.entry(name)
    model = models.create_model(name)
    cost = models.cost(model, entry.input_shape)
    *sides, _ = entry.input_shape  # without the channels
    return (
        name,
        format_count(cost.params),
        format_count(cost.macs),
        "x".join(map(str, sides)),
        entry.description,
    )


def optimizer_rows() -> list[tuple[str, str, str]]:
    """(name, where it is from, one line) of every optimizer."""
    rows = []
    for info in optim.list_optimizers().values():
        rows.append((info.name, info.source, info.line))
    return rows


def optimizer_details(name: str) -> list[tuple[str, str]]:
    """(what, value) rows on one optimizer.

    Raises:
      UserError: unknown name.
    """
    try:
        info = optim.optimizer_info(name)
    except ValueError as error:
        raise UserError(f"{error}\nlist: effjax optimizers") from error
    rows = [
        ("what it is", info.line),
        ("paper", info.paper),
        ("from", info.source),
        ("weight decay", DECAY_IN_WORDS[info.decay]),
        ("state", f"{info.state_arrays:g} arrays of a parameter's size"),
    ]
    if info.needs:
        rows.append(("needs", ", ".join(info.needs)))
    allowed = in_words(info.hints)
    for name, default in info.hyperparameters.items():
        # not `default is None`: None is a default as good as any
        required = default is inspect.Parameter.empty
        shown = "required"
        if not required:
            shown = f"= {_default_in_words(default)}"
        if name in allowed:
            shown += f"   ({allowed[name]})"
        rows.append((f"  {name}", shown))
    return rows


def _default_in_words(default: object) -> str:
    if not callable(default):
        return repr(default)
    # a function's repr is its address; a `functools.partial` has no name
    return getattr(default, "__name__", "a function")
