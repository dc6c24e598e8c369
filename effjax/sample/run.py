"""`effjax sample`: from a run's folder to a sheet of pictures, an `.npz`, a table of scores."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from effjax.config import as_path
from effjax.diffusion import Guidance, plan_for
from effjax.diffusion.edm_samplers import Churn
from effjax.errors import UserError, nearest
from effjax.report import Display
from effjax.runs.best import Step, split_step
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.record import read_labels, read_record
from effjax.sample.encode import decode
from effjax.sample.generate import Request, generate
from effjax.sample.judge import Eyes, judge, read_real
from effjax.sample.sheet import write_npz, write_sheet
from effjax.tasks.trained_generator import trained_generator
from effjax.trained.load import from_workdir

NO_LABEL = "none"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The flags of the verb.

    Attributes:
      classes: numbers or names, with commas; None: all. "none": without labels.
      count: samples of each class.
      sampler, steps, eta, churn: see `effjax.diffusion.Plan`.
      guidance, interval, power, guided_channels: see `effjax.diffusion.Guidance`.
      seed, batch: see `Request`.
      classifier: a classification run's folder, to score the samples with.
      autoencoder: a run's folder that makes images of latents; None: the one that made the latents.
      out: files to write, `.png` or `.npz`.
    """

    classes: str | None = None
    count: int = 8
    sampler: str | None = None
    steps: int | None = None
    eta: float = 0.0
    churn: float = 0.0
    guidance: float = 1.0
    interval: tuple[float, float] | None = None
    power: float | None = None
    guided_channels: int | None = None
    seed: int = 0
    batch: int = 64
    classifier: Path | None = None
    autoencoder: Path | None = None
    out: tuple[Path, ...] = ()


def sample(workdir: Path, display: Display, wanted: Wanted, step: Step = None) -> np.ndarray:
    """Draws samples of a run, writes what is wanted and says where; uint8 [n, H, W, C].

    Raises:
      UserError: no run of a generator there, an unknown class, or a flag out of its range.
    """
    _check(wanted)
    display.waiting(f"loading {workdir}")
    task, variables = trained_generator(as_path(workdir), step, display)
    names = tuple(read_labels(as_path(workdir)) or task.split.class_names)
    classes = chosen_classes(wanted.classes, names, task.model.num_classes)
    labels = np.repeat(np.asarray(classes, np.int32), wanted.count)
    request = make_request(task, labels, wanted)
    how = f" by {request.plan.sampler}" if request.plan else ""
    display.waiting(f"drawing {len(labels)} samples{how}")
    images = as_images(generate(task, variables, request), workdir, wanted, display)
    kind = "png" if images.dtype == np.uint8 else "npz"
    for path in wanted.out or (as_path(workdir) / f"samples.{kind}",):
        if path.suffix == ".npz":
            write_npz(path, images, labels)
        elif images.dtype != np.uint8:
            raise UserError(f"--out={path}: latents are no pictures; give .npz")
        else:
            write_sheet(path, images, wanted.count)
        display.line(f"{len(images)} samples: {path}")
    if wanted.classifier is not None:
        if images.dtype != np.uint8:
            raise UserError(f"--classifier={wanted.classifier} looks at images, not at latents")
        score(task, images, labels, workdir, wanted, display)
    return images


def as_images(drawn: np.ndarray, workdir: Path, wanted: Wanted, display: Display) -> np.ndarray:
    """uint8 images as they are; latents [n, h, w, c] decoded, where the autoencoder is here.

    Raises:
      UserError: --autoencoder for a run on images, or one that does not fit.
    """
    if drawn.dtype == np.uint8:
        if wanted.autoencoder is not None:
            raise UserError("--autoencoder is for a run on latents; this one draws images")
        return drawn
    made_by = wanted.autoencoder or read_record(as_path(workdir)).get("autoencoder")
    if made_by is None or not as_path(made_by).exists():
        what = "no autoencoder is known" if made_by is None else f"no autoencoder at {made_by}"
        display.line(f"{what}: the samples stay latents; --autoencoder=D makes images of them")
        return drawn
    display.waiting(f"decoding by {made_by}")
    return decode(as_path(made_by), drawn, display)


def make_request(task: Any, labels: np.ndarray, wanted: Wanted) -> Request:
    """What `generate` is asked for, with the process's defaults."""
    if not hasattr(task, "process"):
        _refuse_flags_of_diffusion(task, wanted)
        return Request(labels, None, Guidance(), wanted.seed, wanted.batch)
    plan = plan_for(
        task.process,
        wanted.sampler,
        wanted.steps,
        eta=wanted.eta,
        churn=Churn(wanted.churn),
        clip=task.options.latents is None,
    )
    guidance = Guidance(
        wanted.guidance,
        wanted.interval,
        wanted.power,
        getattr(getattr(task.process, "schedule", None), "length", 1000),
        wanted.guided_channels,
    )
    if wanted.guidance != 1 and not task.options.label_dropout:
        raise UserError(
            f"--guidance={wanted.guidance:g}: the run never left a label out, so it knows no "
            "images without label\ntrain with --config.task.label_dropout=0.1"
        )
    return Request(labels, plan, guidance, wanted.seed, wanted.batch)


# what says how a way is gone, which a generator of one pass does not have
OF_DIFFUSION = {
    "sampler": "sampler",
    "steps": "steps",
    "eta": "eta",
    "churn": "churn",
    "guidance": "guidance",
    "interval": "guidance-interval",
    "power": "guidance-power",
    "guided_channels": "guided-channels",
}


def _refuse_flags_of_diffusion(task: Any, wanted: Wanted) -> None:
    plain = Wanted()
    for field, flag in OF_DIFFUSION.items():
        if getattr(wanted, field) != getattr(plain, field):
            raise UserError(
                f"--{flag} is of a diffusion; a run of task {task.name!r} draws an image in one "
                "pass\nleave it out"
            )


def chosen_classes(text: str | None, names: tuple[str, ...], known: int) -> list[int]:
    """The classes that a flag names, by number or name; `known` itself is "no label".

    Raises:
      UserError: no such class.
    """
    if known == 0 or text == NO_LABEL:
        return [known]
    if text is None:
        return list(range(known))
    found = []
    for word in text.split(","):
        word = word.strip()
        if word in names:
            found.append(names.index(word))
        elif word.isdecimal() and int(word) < known:
            found.append(int(word))
        else:
            raise UserError(
                f"--classes: no class {word!r}; {nearest(word, names)}\n"
                f"give names, numbers from 0 to {known - 1}, or none"
            )
    return found


def score(
    task: Any,
    images: np.ndarray,
    labels: np.ndarray,
    workdir: Path,
    wanted: Wanted,
    display: Display,
) -> None:
    """Says how good the samples are, by a classifier of our own.

    Raises:
      UserError: no classification run there, or the run's data is not here.
    """
    display.waiting(f"loading {wanted.classifier}")
    place, step = split_step(str(wanted.classifier))
    eyes = Eyes(from_workdir(as_path(place), display, step))
    real = read_real(_own_config(workdir))
    display.waiting("scoring")
    rows = judge(eyes, images, labels, real)
    title = (
        f"{len(images)} samples against {len(real.train)} training images, features of "
        f"{wanted.classifier} (own features: not comparable with FID)"
    )
    display.table(title, [(name, f"{value:.4g}") for name, value in rows])


def _own_config(workdir: Path) -> Any:
    """The run's config with its own data."""
    from effjax.config import View, from_json
    from effjax.runs.record import config_of_run
    from effjax.runs.schema import RunConfig

    return View(from_json(config_of_run(as_path(workdir)), RunConfig))


def each_checkpoint(workdir: Path, display: Display, wanted: Wanted) -> Path:
    """A sheet with one row for each checkpoint that is kept: samples over training.

    Raises:
      UserError: as `sample`.
    """
    folder = as_path(workdir) / CHECKPOINTS
    steps = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    if not steps:
        raise UserError(f"{workdir} has no checkpoint\nkeep some: --config.checkpoint.keep_last=9")
    rows = []
    for step in steps:
        task, variables = trained_generator(as_path(workdir), step, display)
        names = task.split.class_names
        classes = chosen_classes(wanted.classes, names, task.model.num_classes)
        # one of each class in a row
        labels = np.asarray(classes, np.int32)
        display.waiting(f"drawing {len(labels)} samples of step {step}")
        drawn = generate(task, variables, make_request(task, labels, wanted))
        rows.append(as_images(drawn, workdir, wanted, display))
    path = (wanted.out or (as_path(workdir) / "samples_over_training.png",))[0]
    write_sheet(path, np.concatenate(rows), len(rows[0]))
    display.line(f"a row for each of the steps {', '.join(map(str, steps))}: {path}")
    return path


def _check(wanted: Wanted) -> None:
    for name in ("count", "batch"):
        if getattr(wanted, name) < 1:
            raise UserError(f"--{name}={getattr(wanted, name)}: expected 1 or more")
    if wanted.steps is not None and wanted.steps < 1:
        raise UserError(f"--steps={wanted.steps}: expected 1 or more")
    if not 0 <= wanted.eta <= 1:
        raise UserError(f"--eta={wanted.eta:g}: expected 0 (deterministic) to 1 (ancestral)")
    for path in wanted.out:
        if path.suffix not in (".png", ".npz"):
            raise UserError(f"--out={path}: expected .png or .npz")
