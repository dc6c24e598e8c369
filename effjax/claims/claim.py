"""A claim: what a paper says, what is tested here, the question, and how its rows are made.

Claims are TOML files in configs/claims/, one a file:

    title = "StarReLU trains to a higher accuracy than GELU"
    source = "MetaFormer Baselines for Vision (2022), table 7"
    link = "https://arxiv.org/abs/2210.13452"
    says = "83.0 against 82.7 % on ImageNet-1k (ConvFormer-S18)"
    tested = "four blocks of 32 to 128 channels, handwritten digits, 12 epochs"
    group = "MetaFormer"

    [question]
    kind = "better"          # or alike, times: see question.py
    arm = "star_relu"
    base = "gelu"

    [small]                  # two cores, minutes to two hours; [gpu]: one GPU, stated hours
    kind = "trainings"       # or optimizers, command
    config = "configs/ablations/activations.py"
    metric = "val/top1"
    seeds = 5
    minutes = 10

A claim that cannot be tested yet has `open = "why"` and no size.
"""

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effjax.claims.command import Command
from effjax.claims.optimizers import Optimizers
from effjax.claims.question import Alike, Better, Question, Times
from effjax.claims.trainings import Trainings
from effjax.config.config_files import shipped_configs
from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, fit

FOLDER = "claims"  # below the configs that ship
SIZES = ("small", "gpu")
QUESTIONS = {"better": Better, "alike": Alike, "times": Times}
Evidence = Trainings | Optimizers | Command
EVIDENCE = {"trainings": Trainings, "optimizers": Optimizers, "command": Command}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """What is said, and how it is put to the test.

    Attributes:
      name: of its file.
      title: the claim in one sentence.
      source: paper, year, table or figure.
      link: to the paper; "" where it has no page of its own.
      says: the published numbers.
      tested: what is trained here instead: smaller, and said to be.
      group: under which heading it stands.
      question: what is asked of the rows; None where the claim is open.
      sizes: {"small" or "gpu": how its rows are made}.
      open: why it cannot be tested yet; "" where it can.
    """

    name: str
    title: str
    source: str
    says: str
    group: str
    question: Question | None
    sizes: Mapping[str, Evidence]
    link: str = ""
    tested: str = ""
    open: str = ""


def claims_folder() -> Path:
    """The folder of the claims that ship.

    Raises:
      UserError: they were left out of the installation.
    """
    shipped = shipped_configs()
    if shipped is None or not (shipped / FOLDER).is_dir():
        raise UserError("no claims here: install effjax with its configs, or use a checkout")
    return shipped / FOLDER


def read_claims(folder: Path) -> dict[str, Claim]:
    """All claims of a folder by name, in the order of their groups and names.

    Raises:
      UserError: naming the file and what is wrong in it.
    """
    found = [read_claim(path) for path in sorted(folder.glob("*.toml"))]
    found.sort(key=lambda claim: (claim.group, claim.name))
    return {claim.name: claim for claim in found}


def read_claim(path: Path) -> Claim:
    """The claim in a file.

    Raises:
      UserError: naming the file and what is wrong in it.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    tables = {name: content.pop(name) for name in ("question", *SIZES) if name in content}
    question = None
    if "question" in tables:
        question = _of_kind(tables.pop("question"), QUESTIONS, f"{path}, [question]")
    sizes = {}
    for size, table in tables.items():
        sizes[size] = _of_kind(table, EVIDENCE, f"{path}, [{size}]")
    ours = {"name": path.stem, "question": question, "sizes": sizes}
    claim = _build(Claim, content, str(path), ours)
    if not claim.open and (question is None or "small" not in sizes):
        raise UserError(f'{path} needs [question] and [small], or open = "why it is not tested"')
    return claim


def _of_kind(table: Any, kinds: Mapping[str, type], where: str) -> Any:
    """The dataclass that a table names by its kind, with the table's other keys."""
    if not isinstance(table, dict):
        raise UserError(f"{where} is {table!r}; expected a table of keys")
    kind = table.get("kind", "")
    if kind not in kinds:
        raise UserError(f"{where}: kind = {kind!r}; {nearest(str(kind), kinds)}")
    rest = {key: value for key, value in table.items() if key != "kind"}
    return _build(kinds[kind], rest, where, {})


def _build(cls: type, table: Mapping[str, Any], where: str, ours: Mapping[str, Any]) -> Any:
    """A dataclass from a table; `ours` are the fields that do not come from it."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.name not in ours}
    for key in table:
        if key not in fields:
            raise UserError(f"{where} has an unknown key {key!r}; {nearest(key, fields)}")
    values = dict(ours)
    for name, field in fields.items():
        if name in table:
            values[name] = _fitted(table[name], hints[name], f"{where}: {name}")
        elif _is_required(field):
            raise UserError(f"{where} has no {name}")
    return cls(**values)


def _is_required(field: dataclasses.Field) -> bool:
    no_default = field.default is dataclasses.MISSING
    return no_default and field.default_factory is dataclasses.MISSING


def _fitted(value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is Mapping:
        hint = dict
    try:
        return fit(value, hint)
    except Misfit as expected:
        raise UserError(f"{where} = {value!r}; expected {expected}") from None
