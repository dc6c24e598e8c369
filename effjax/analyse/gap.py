"""`--what=gap`: training against held-out loss, both as in evaluation."""

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Subject
from effjax.errors import UserError


@measure(
    "gap",
    "held-out minus training loss, on plain images; compare runs with --at-loss",
    passes=lambda subject, settings: 1,
)
def look_at_gap(subject: Subject, settings: Settings) -> Found:
    """Gaps of two runs are comparable at equal training loss alone.

    Raises:
      UserError: the task has no held-out images.
    """
    if subject.held_out is None:
        raise UserError(
            f"{subject.name}: the task {subject.setup.task.name!r} has no held-out images\n"
            "leave gap out of --what"
        )
    train = subject.metrics(subject.examples)
    held_out = subject.metrics(subject.held_out)
    values = {}
    for name in train:
        values[f"train {name}"] = train[name]
        values[f"held-out {name}"] = held_out[name]
        values[f"gap of {name}"] = held_out[name] - train[name]
    return Found(values)
