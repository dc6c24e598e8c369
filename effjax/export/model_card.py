"""The page of a published network, README.md: what it is, how good, what an image goes through.

Hubs read the block at its head (https://huggingface.co/docs/hub/model-cards).
"""

import dataclasses
import json
import math
import shlex
from pathlib import Path

import jax

from effjax import models
from effjax.report.metric_names import is_held_out
from effjax.runs.folder import CONFIG, read_summary
from effjax.runs.record import read_file
from effjax.trained.network import Trained
from effjax.version import VERSION

UNKNOWN = "unknown"
NAMED_CLASSES = 50
# what a hub calls the task, and the accuracy
PIPELINES = {"features": "image-feature-extraction"}
PIPELINE = "image-classification"  # of all others
PERCENT = ("top1", "top5")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a run's folder says of a network; of weights without a run all is empty.

    Attributes:
      data: `config.data.name`.
      examples: training images.
      scores: {held-out metric: its last value}.
      command: as it was typed.
      started_from: weights or a run, with their licence where that is known.
      versions: {package: version}.
    """

    data: str = ""
    examples: int | None = None
    scores: dict[str, float] = dataclasses.field(default_factory=dict)
    command: str = ""
    started_from: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)


def read_facts(workdir: Path) -> Facts:
    """Of a run's folder; empty for any other."""
    if not (workdir / CONFIG).exists():
        return Facts()
    content = dict(read_file(workdir) or {})
    config = content["config"]
    final = (read_summary(workdir) or {}).get("final", {})
    scores = {}
    for name, value in final.items():
        if is_held_out(name) and value is not None and math.isfinite(value):
            scores[name] = value
    return Facts(
        data=Path(config["data"]["name"]).name,  # a folder's own name, not where it lies
        examples=content.get("record", {}).get("examples"),
        scores=scores,
        command=shlex.join(["effjax", *content.get("command", [])[1:]]),
        started_from=_with_licence(config.get("init_from") or config.get("continue_from")),
        versions=content.get("versions", {}),
    )


def _with_licence(source: str | None) -> str:
    """ "caformer_s18.sail_in1k (apache-2.0)"; a file or a run as it is."""
    if source is None:
        return ""
    if source in models.list_models(pretrained=True):
        return f"{source} ({models.pretrained(source).licence})"
    return source


def model_page(trained: Trained, facts: Facts, repository: str, licence: str | None) -> str:
    """The text of README.md."""
    parts = [
        _head(trained, facts, repository, licence),
        f"# {repository.rpartition('/')[2]}",
        _summary(trained, facts),
        _table("Network", _network_rows(trained)),
        _table("Scores", _score_rows(facts)),
        _table("Training", _training_rows(facts, licence)),
        _use(trained, repository),
        _classes(trained),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(trained: Trained, facts: Facts, repository: str, licence: str | None) -> str:
    pipeline = PIPELINES.get(trained.gives, PIPELINE)
    lines = ["---", f"license: {licence or UNKNOWN}", "library_name: effjax"]
    lines += [f"pipeline_tag: {pipeline}", "tags:", "- effjax", "- jax", f"- {pipeline}"]
    top1 = [name for name in facts.scores if name.endswith("/top1")]
    if top1:
        # JSON is YAML, and quotes whatever a name holds
        result = {
            "task": {"type": pipeline},
            "dataset": {"name": facts.data, "type": facts.data},
            "metrics": [{"type": "accuracy", "value": facts.scores[top1[0]]}],
        }
        index = [{"name": repository.rpartition("/")[2], "results": [result]}]
        lines.append(f"model-index: {json.dumps(index, ensure_ascii=False)}")
    return "\n".join([*lines, "---"])


def _summary(trained: Trained, facts: Facts) -> str:
    kinds = {
        "class": f"one of {len(trained.labels):,} classes",
        "labels": f"any of {len(trained.labels):,} labels",
        "numbers": f"{len(trained.labels):,} numbers",
        "features": f"{trained.width:,} features",
    }
    text = f"`{trained.base}` that gives {kinds[trained.gives]} of an image"
    if facts.data:
        text += f", trained on `{facts.data}`"
    return f"{text}, with effjax {VERSION}."


def _network_rows(trained: Trained) -> list[tuple[str, str]]:
    height, width = trained.preprocessing.size
    count = sum(leaf.size for leaf in jax.tree.leaves(trained.variables["params"]))
    macs = models.cost(trained.model, (height, width, 3)).macs
    how = trained.preprocessing
    return [
        ("architecture", f"`{trained.base}`"),
        ("parameters", f"{count:,}"),
        ("multiply-adds an image", f"{macs:,}"),
        ("weights", trained.weights),
        ("images", f"{height} x {width}, RGB"),
        ("resized", f"{how.interpolation}, centre crop of {how.crop:g}"),
        ("mean", ", ".join(f"{value:g}" for value in how.mean)),
        ("standard deviation", ", ".join(f"{value:g}" for value in how.std)),
    ]


def _score_rows(facts: Facts) -> list[tuple[str, str]]:
    rows = []
    for name, value in facts.scores.items():
        is_share = name.rpartition("/")[2] in PERCENT
        rows.append((f"`{name}`", f"{value:.2%}" if is_share else f"{value:.4g}"))
    return rows


def _training_rows(facts: Facts, licence: str | None) -> list[tuple[str, str]]:
    rows = [("licence of these weights", licence or "not stated")]
    if facts.data:
        rows.append(("images", f"`{facts.data}`"))
    if facts.examples is not None:
        rows.append(("training images", f"{facts.examples:,}"))
    if facts.started_from:
        rows.append(("started from", facts.started_from))
    if facts.command:
        rows.append(("command", f"`{facts.command}`"))
    if facts.versions:
        named = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        rows.append(("versions", named))
    return rows


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = [f"## {title}", "", "| | |", "|---|---|"]
    for name, value in rows:
        lines.append(f"| {name} | {_in_cell(value)} |")
    return "\n".join(lines)


def _in_cell(text: str) -> str:
    """A line that ends no cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _use(trained: Trained, repository: str) -> str:
    asks = "predict"
    flag = ""
    if trained.gives == "features":
        asks = "features"
        flag = " --features=features.npz"
    return "\n".join(
        [
            "## Use",
            "",
            "```python",
            "import effjax",
            "",
            f'run = effjax.load("hub:{repository}")',
            f'run.{asks}(["cat.jpg"])',
            "```",
            "",
            "```sh",
            f"effjax predict --weights=hub:{repository} cat.jpg{flag}",
            "```",
            "",
            "`model.json` says what an image goes through and what the outputs mean;",
            "the tensors of `model.safetensors` have timm's names.",
        ]
    )


def _classes(trained: Trained) -> str:
    if not trained.labels:
        return ""
    names = [_in_cell(name) for name in trained.labels[:NAMED_CLASSES]]
    more = len(trained.labels) - len(names)
    text = ", ".join(names) + (f" and {more:,} more" if more else "")
    title = {"class": "Classes", "labels": "Labels", "numbers": "Numbers"}[trained.meaning.kind]
    return f"## {title}\n\n{text}"
