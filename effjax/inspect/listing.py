"""What there is to choose from: configs, models, optimizers, as rows for tables."""

import ast
import inspect
from pathlib import Path

from effjax import models, optim
from effjax.config.config_files import QUICK
from effjax.errors import UserError, nearest
from effjax.optim.hints import in_words
from effjax.report import format_count
from effjax.version import HOME

COUNTED = 12  # models whose multiply-adds are worth waiting for: about a second each

DECAY_IN_WORDS = {
    "own": "its own",
    "added": "decoupled, added to its update",
    "coupled": "added to its gradient",
    "unmasked": "its own, of all parameters or of none",
    "inner": "as the optimizer inside does it",
}


def config_folder() -> Path:
    """configs/ in the current folder, else in the checkout that effjax runs from.

    Raises:
      UserError: neither is there.
    """
    folders = [Path("configs"), HOME / "configs"]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise UserError(
        f"there is no folder {folders[0]} here ({Path.cwd()}) nor at {folders[1]}\n"
        "go to your checkout of effjax, or name a folder: effjax configs DIR"
    )


def config_rows(folder: Path) -> list[tuple[str, str, str]]:
    """(file, what it takes after the colon, what it trains) of every config in a folder.

    Files are read, not run; one that is no Python or has no `get_config` gets a line that says it.

    Raises:
      UserError: no such folder, or no Python file in it.
    """
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else []
    if not paths:
        raise UserError(f"there is no config (*.py) in {folder}\ntype: effjax configs DIR")
    return [_describe_config(path) for path in paths if not path.name.startswith("_")]


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
    line = (ast.get_docstring(tree) or "").partition("\n")[0]
    return str(path), ", ".join(words), line


def _defined_names(tree: ast.Module) -> dict[str, ast.AST]:
    """{name: what defines it} of a module's top level."""
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            defined[node.targets[0].id] = node.value
        elif isinstance(node, ast.ImportFrom):
            defined |= {alias.asname or alias.name: node for alias in node.names}
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
    names = models.list_models(pattern.partition(".")[0] or pattern)
    if not names:
        known = models.list_models()
        raise UserError(
            f"no model matches {pattern!r}; {nearest(pattern, known)}\nlist: effjax models"
        )
    if len(names) > COUNTED:
        return ["model", "what it is"], [(name, models.entry(name).description) for name in names]
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
    for name in sorted(set(names)):
        facts = models.pretrained(name)
        top1 = "-" if facts.top1 is None else f"{facts.top1:.1f} %"
        size = f"{facts.input_size}x{facts.input_size}"
        source = facts.source.removesuffix(f"/{name}")  # a repository of the same name
        rows.append((name, top1, size, str(facts.num_classes), facts.licence, source))
    return rows


def _count_model(name: str) -> tuple[str, ...]:
    entry = models.entry(name)
    cost = models.cost(models.create_model(name), entry.input_shape)
    size = "x".join(map(str, entry.input_shape[:-1]))
    return (name, format_count(cost.params), format_count(cost.macs), size, entry.description)


def optimizer_rows() -> list[tuple[str, str, str]]:
    """(name, where it is from, one line) of every optimizer."""
    return [(info.name, info.source, info.line) for info in optim.list_optimizers().values()]


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
        required = default is inspect.Parameter.empty
        shown = "required" if required else f"= {_default_in_words(default)}"
        if name in allowed:
            shown += f"   ({allowed[name]})"
        rows.append((f"  {name}", shown))
    return rows


def _default_in_words(default: object) -> str:
    return getattr(default, "__name__", "a function") if callable(default) else repr(default)
