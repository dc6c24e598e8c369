"""The keys of `config.task` for diffusion, and the process that they describe."""

import dataclasses
from typing import Annotated, Any, Literal

from effjax.contract import Task
from effjax.diffusion import Ddpm, Edm, Flow, MeanFlow
from effjax.diffusion.noise_schedule import Schedule
from effjax.errors import UserError
from effjax.ranges import Count, Positive, Range, Share

# keys that belong to one process alone
OWN = {
    "ddpm": ("chain", "noise_schedule", "target", "variance", "min_snr"),
    "flow": ("path", "times", "times_mean", "target"),
    "edm": ("scaling", "sigma_data", "noise_mean", "noise_std", "momentum", "weight_warmup"),
    "meanflow": ("equal_times",),
}
# keys of scaling "edm" alone: the others have noise levels and weights of their own
OWN_OF_EDM = ("sigma_data", "noise_mean", "noise_std")


@dataclasses.dataclass(frozen=True)
class DiffusionConfig(Task.Config):
    """Keys of `config.task`."""

    process: Literal["ddpm", "flow", "edm", "meanflow"] = "flow"
    # a folder of an autoencoder's latents in the place of `data`, see `latents.py`; None: images
    latents: str | None = None
    # latents times this have unit scale; None: as their folder says, or Stable Diffusion's 0.18215
    latent_scale: Positive | None = None
    label_dropout: Share = 0.1  # share of examples whose label is left out, for guidance
    # MDT: a second pass that hides this share of the tokens, and up to `mask_spread` more; None:
    # one pass
    mask_ratio: Share | None = None
    mask_spread: Share = 0.2
    mask_ratios: Annotated[int, Range(1, 8)] = 4  # so many fixed ratios; one program each
    # what the network predicts; None: "velocity" in a flow, "noise" in a chain
    target: Literal["noise", "clean", "velocity"] | None = None
    # ddpm
    chain: Count = 1000  # steps
    noise_schedule: Literal["linear", "cosine"] = "linear"
    variance: Literal["small", "large", "learned"] = "small"  # learned: with the variational bound
    min_snr: Positive | None = None  # gamma of the min-SNR weights; MDT has 5
    # flow
    path: Literal["linear", "vp", "gvp"] = "linear"
    times: Literal["uniform", "logit_normal"] = "uniform"
    times_mean: float = 0.0  # of logit_normal; below 0: more noise
    # edm
    scaling: Literal["edm", "vp", "ve", "iddpm"] = "edm"
    sigma_data: Positive = 0.5  # standard deviation of the data in [-1, 1]
    # of the log of the noise levels in training, P_mean and P_std of the paper; enlarged images and
    # latents want a higher mean
    noise_mean: float = -1.2
    noise_std: Positive = 1.2
    momentum: Positive | None = None  # FDM's multiplier; None: EDM's own input scaling
    weight_warmup: Count | None = None  # FDM: updates in which the loss weights are bounded
    # meanflow
    equal_times: Annotated[float, Range(0, 1, "[)")] = 0.75  # share of plain velocities


def make_process(options: DiffusionConfig) -> Any:
    """The process that the options describe.

    Raises:
      UserError: an option of another process is set.
    """
    _refuse_strangers(options)
    if options.process == "flow":
        if options.target == "noise":
            raise UserError(
                "config.task.target = 'noise' belongs to process 'ddpm'; a flow predicts its "
                "'velocity' or 'clean' examples"
            )
        if options.times == "uniform" and options.times_mean:
            raise UserError("config.task.times_mean is of times = 'logit_normal'; set that too")
        return Flow(
            options.path,
            options.target or "velocity",
            times=options.times,
            mean=options.times_mean,
        )
    if options.process == "meanflow":
        return MeanFlow(equal=options.equal_times)
    if options.process == "edm":
        _refuse_other_scalings(options)
        return Edm(
            options.scaling,
            options.sigma_data,
            options.noise_mean,
            options.noise_std,
            momentum=options.momentum,
            weight_warmup=options.weight_warmup,
        )
    if options.chain < 2:
        raise UserError("config.task.chain = 1: a chain has at least 2 steps")
    return Ddpm(
        Schedule.named(options.noise_schedule, options.chain),
        options.target or "noise",
        options.variance,
        min_snr=options.min_snr,
    )


def _defaults(options: DiffusionConfig) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(options)}


def _refuse_other_scalings(options: DiffusionConfig) -> None:
    defaults = _defaults(options)
    for name in OWN_OF_EDM:
        if options.scaling != "edm" and getattr(options, name) != defaults[name]:
            raise UserError(
                f"config.task.{name} belongs to scaling 'edm', not to {options.scaling!r}, which "
                "has noise levels of its own; leave it out"
            )


def _refuse_strangers(options: DiffusionConfig) -> None:
    defaults = _defaults(options)
    if options.latents is None and options.latent_scale != defaults["latent_scale"]:
        raise UserError("config.task.latent_scale is of latents; set config.task.latents=FOLDER")
    mine = OWN[options.process]
    for process, names in OWN.items():
        for name in names:
            is_set = getattr(options, name) != defaults[name]
            if is_set and name not in mine:
                raise UserError(
                    f"config.task.{name} belongs to process {process!r}, not to "
                    f"{options.process!r}\nleave it out, or --config.task.process={process}"
                )


def kept_counts(options: DiffusionConfig, tokens: int) -> tuple[int, ...]:
    """How many tokens the masked pass may see: one number for each fixed ratio.

    MDT draws a ratio anew in each step; here ratios are the middles of equal parts of its range,
    so that as many programs serve all steps.

    Raises:
      UserError: nothing is left, or nothing is hidden.
    """
    counts = []
    for number in range(options.mask_ratios):
        share = (number + 0.5) / options.mask_ratios
        ratio = options.mask_ratio + options.mask_spread * share
        kept = int(tokens * (1 - ratio))
        if not 0 < kept < tokens:
            raise UserError(
                f"config.task.mask_ratio = {options.mask_ratio} with mask_spread = "
                f"{options.mask_spread} keeps {kept} of {tokens} tokens: some must be seen and "
                "some hidden"
            )
        counts.append(kept)
    return tuple(counts)
