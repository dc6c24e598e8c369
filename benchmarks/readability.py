"""How the code reads, in numbers: density, comments, the largest function, circles, tests.

    python benchmarks/readability.py [FOLDER] [--files]

Nothing of the folder is run or imported. A line of code holds at least one token that is neither a
comment nor part of a docstring. `--files` adds a line a file, the densest first.
"""

import argparse
import ast
import io
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYOUT = {
    tokenize.ENCODING,
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Function:
    """One function: its place, its lines without the docstring, the names it binds."""

    place: str
    lines: int
    names: int
    booleans: int


@dataclass
class File:
    """What was counted in one file."""

    path: Path
    code: int = 0  # lines
    tokens: int = 0
    comments: int = 0  # lines that are a comment or end in one
    comprehensions: int = 0
    ternaries: int = 0
    functions: list[Function] = field(default_factory=list)


def docstring_of(node: ast.AST) -> ast.Expr | None:
    """The statement that is the docstring of a module, class or function."""
    first = node.body[0] if getattr(node, "body", None) else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return first if isinstance(first.value.value, str) else None


def docstring_lines(tree: ast.Module) -> set[int]:
    """The numbers of all lines that belong to docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            docstring = docstring_of(node)
            if docstring is not None:
                lines.update(range(docstring.lineno, docstring.end_lineno + 1))
    return lines


def measure_function(node: ast.FunctionDef, path: Path) -> Function:
    """Lines and local names of a function, with those of the functions inside it."""
    docstring = docstring_of(node)
    lines = node.end_lineno - node.lineno + 1
    if docstring is not None:
        lines -= docstring.end_lineno - docstring.lineno + 1
    names, booleans = set(), 0
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        elif isinstance(inner, ast.arg):
            names.add(inner.arg)
        elif isinstance(inner, FUNCTIONS) and inner is not node:
            names.add(inner.name)
        elif isinstance(inner, ast.BoolOp):
            booleans += len(inner.values) - 1
    return Function(f"{path}:{node.name}", lines, len(names), booleans)


def measure(path: Path) -> File:
    """Counts one file."""
    text = path.read_text()
    tree = ast.parse(text)
    documented = docstring_lines(tree)
    found, code, comments = File(path), set(), set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in LAYOUT and token.start[0] not in documented:
            found.tokens += 1
            code.update(range(token.start[0], token.end[0] + 1))
    found.code, found.comments = len(code), len(comments)
    for node in ast.walk(tree):
        found.comprehensions += isinstance(node, COMPREHENSIONS)
        found.ternaries += isinstance(node, ast.IfExp)
        if isinstance(node, FUNCTIONS):
            found.functions.append(measure_function(node, path))
    return found


# ------------------------------------------------------------------------------------- circles


def imports(path: Path, package: Path) -> set[Path]:
    """The files of the package that a file imports, also inside functions."""
    root, found = package.parent, set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            target = file_of(name.split("."), root)
            if target is not None and package in target.parents and target != path:
                found.add(target)
    return found


def file_of(parts: list[str], root: Path) -> Path | None:
    """The file behind a dotted name; the last part may be a name inside of it."""
    for length in (len(parts), len(parts) - 1):
        if length == 0:
            continue  # `import jax`: no package before the name
        place = root.joinpath(*parts[:length])
        if place.with_suffix(".py").exists():
            return place.with_suffix(".py")
        if (place / "__init__.py").exists():
            return place / "__init__.py"
    return None


def circles(package: Path) -> list[set[Path]]:
    """Sets of files that import each other in a circle (Tarjan's strong components)."""
    graph = {path: imports(path, package) for path in sorted(package.rglob("*.py"))}
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    components: list[set[Path]] = []

    def visit(path: Path) -> None:
        index[path] = low[path] = len(index)
        stack.append(path)
        for target in graph[path]:
            if target not in index:
                visit(target)
                low[path] = min(low[path], low[target])
            elif target in stack:
                low[path] = min(low[path], index[target])
        if low[path] == index[path]:
            at = stack.index(path)
            components.append(set(stack[at:]))
            del stack[at:]

    for path in graph:
        if path not in index:
            visit(path)
    return [component for component in components if len(component) > 1]


def untested(package: Path, tests: Path) -> list[Path]:
    """Modules a/b.py without a tests/a/test_b.py."""
    missing = []
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if path.name.startswith("__"):
            continue
        if not (tests / place.parent / f"test_{place.name}").exists():
            missing.append(place)
    return missing


# -------------------------------------------------------------------------------------- report


def report(folder: Path, with_files: bool) -> None:
    """Prints what was counted."""
    files = [measure(path) for path in sorted(folder.rglob("*.py"))]
    code = sum(file.code for file in files)
    functions = [function for file in files for function in file.functions]
    longest = max(functions, key=lambda f: f.lines)
    most_names = max(functions, key=lambda f: f.names)
    rings = circles(folder)
    rows = {
        "files, lines of code": f"{len(files)}, {code}",
        "tokens a line": f"{sum(file.tokens for file in files) / code:.2f}",
        "files above 11.5": str(sum(file.tokens > 11.5 * file.code for file in files)),
        "comments, % of code": f"{100 * sum(file.comments for file in files) / code:.1f}",
        "comprehensions per 1,000": f"{1000 * sum(f.comprehensions for f in files) / code:.0f}",
        "ternaries per 1,000": f"{1000 * sum(f.ternaries for f in files) / code:.0f}",
        "longest function": f"{longest.lines} lines, {longest.place}",
        "most local names": f"{most_names.names} ({most_names.booleans} booleans), "
        f"{most_names.place}",
        "circles": "; ".join(
            " ".join(sorted(str(path.relative_to(folder)) for path in ring)) for ring in rings
        )
        or "none",
    }
    if folder.resolve() == ROOT / "effjax":  # a room alone has no tests of its own beside it
        rows["files without their test"] = str(len(untested(folder, ROOT / "tests")))
    for name, value in rows.items():
        print(f"{name:26} {value}")
    if with_files:
        for file in sorted(files, key=lambda f: -f.tokens / max(1, f.code)):
            density = file.tokens / max(1, file.code)
            share = 100 * file.comments / max(1, file.code)
            print(f"{density:6.1f} tokens a line {share:5.1f} % comments  {file.path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "effjax")
    parser.add_argument("--files", action="store_true", help="a line a file too")
    arguments = parser.parse_args()
    report(arguments.folder, arguments.files)
