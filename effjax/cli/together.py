"""Which flags go together: a flag that is given is used or refused.

This file is the only place that says it; `check_together` reads it when a command is parsed. A flag
that is not named here is used whatever else is given.
"""

from collections.abc import Collection, Mapping
from typing import Any

from effjax.errors import UserError

OVERRIDE = "--config.KEY"  # stands for all overrides, --config.data.name=... and so on
# two ways to name a network
RUN = ("--workdir",)
MODEL = ("--model", "--weights")

# verb: {flag: the ones of which it needs one}; "name=value" asks for a value of that argument
NEEDS: Mapping[str, Mapping[str, Collection[str]]] = {
    # how long to wait for others is of use wherever hosts are found: on Cloud TPU and in SLURM too
    "train": {
        "--hosts": ("--coordinator",),
        "--host": ("--coordinator",),
    },
    "evaluate": {
        OVERRIDE: ("--config",),
        "--step": RUN,
        "--labels": MODEL,
        "--size": MODEL,
        # weights that a config names are evaluated as the config says
        "--data": (*RUN, *MODEL),
        "--split": (*RUN, *MODEL),
        "--ignore-unknown": (*RUN, *MODEL, "--config"),
        "--details": (*RUN, *MODEL),
        "--features": (*RUN, *MODEL),
        "--network": RUN,
        "--layer": ("--features",),
        "--shots": ("--features",),
        "--ways": ("--shots",),
        "--episodes": ("--ways",),
        "--features-out": ("--features",),
        "--attack": (*RUN, *MODEL),
        "--corrupt": (*RUN, *MODEL),
        "--out": (*RUN, *MODEL),
        "--limit": (*RUN, *MODEL),
        "--tta": (*RUN, *MODEL),
    },
    "sample": {
        "--step": RUN,
        "--classes": RUN,
        "--count": RUN,
        "--sampler": RUN,
        "--steps": RUN,
        "--guidance": RUN,
        "--guidance-interval": ("--guidance",),
        "--guidance-power": ("--guidance",),
        "--guided-channels": ("--guidance",),
        "--classifier": RUN,
        "--each-checkpoint": RUN,
        "--out": RUN,
    },
    "predict": {
        "--step": RUN,
        "--labels": MODEL,
        "--size": MODEL,
        "--layer": ("--features",),
        "--explain-to": ("--explain",),
    },
    "export": {"--step": RUN, "--labels": MODEL, "--size": MODEL},
    "convert": {
        "--licence": ("--push",),
        "--private": ("--push",),
        "--dry-run": ("--push",),
    },
    "search": {
        "--price": ("--dry-run",),
        "--model": ("--proxies",),
        "--images": ("--proxies",),
        "--minutes": ("--make-table",),
        "--correlate": ("--table",),
    },
    "compress": {
        "--importance": ("--budget",),
        "--intervals": ("--budget",),
        "--activations": ("--bits",),
        "--layer-bits": ("--bits",),
        "--latency-table": ("--bits",),
        "--out": ("--budget", "--bits"),
        "--compare": ("--config",),
        "--seeds": ("--compare",),
        "--refit": ("--budget",),
        "--steer": ("--importance",),
        "--ratios": ("--budget",),
        "--evaluations": ("ratios=search",),
        "--extend": ("--config",),
        "--choose-space": ("--config",),
        OVERRIDE: ("--config",),
    },
    "bench": {"--price": ("--dry-run",)},
    "claims": {
        "--minutes": ("--size",),
        "--data": ("--size",),
        "--workdir": ("--size",),
    },
    "sweep": {
        "--price": ("--dry-run",),
        "--workers": ("runner=local",),
        "--address": ("runner=ray",),
        "--scheduler": ("runner=ray",),
        "--cpus": ("runner=ray",),
        "--gpus": ("runner=ray",),
    },
    "data": {
        "--write": ("action=check",),
        "--out": ("action=prepare", "action=latents"),
        "--images": ("action=latents",),
        "--mirror": ("action=latents",),
        "--label": ("action=prepare", "action=check"),
        "--manual-dir": ("action=prepare",),
        "--short-side": ("action=prepare",),
        "--val-share": ("action=prepare",),
        "--split-seed": ("action=prepare",),
        "--skip-broken": ("action=prepare",),
        "--force": ("action=prepare",),
    },
}

# verb: {flag: those of which none may be given beside it}
EXCLUDES: Mapping[str, Mapping[str, Collection[str]]] = {
    "evaluate": {"--workdir": (*MODEL, "--config"), "--config": MODEL},
    "predict": {
        "--workdir": MODEL,
        # features are of no class
        "--features": ("--top", "--tta", "--json", "--output", "--out", "--explain"),
        "--explain": ("--top", "--tta", "--json", "--output", "--out"),
    },
    "export": {"--workdir": MODEL},
    # a page has all claims
    "claims": {"--page": ("--size",)},
    # what is published was read as it is
    "convert": {"--push": ("--ignore", "--rename")},
    # of a comparison nobody knows yet which networks it will train, nor of what Optuna chooses
    "search": {
        "--compare": ("--extend", "--dry-run"),
        "--proxies": ("--make-table", "--correlate", "--compare", "--workdir"),
        "--make-table": ("--correlate", "--compare", "--table"),
        "--correlate": ("--compare",),
    },
    "compress": {
        # bits round what is there: no channel goes, nothing is trained
        "--bits": (
            "--importance",
            "--refit",
            "--ratios",
            "--steer",
            "--intervals",
            "--compare",
            "--seeds",
            "--extend",
        ),
        # a space is chosen before there is a network
        "--choose-space": (
            "--bits",
            "--budget",
            "--importance",
            "--refit",
            "--ratios",
            "--steer",
            "--intervals",
            "--compare",
            "--seeds",
            "--extend",
            "--out",
        ),
        # copies lose whole blocks, of one flow
        "--intervals": ("--importance", "--refit", "--ratios", "--steer", "--compare"),
        "--compare": ("--extend", "--out", "--refit", "--ratios", "--steer"),
        "--steer": ("--ratios", "--refit"),
        "--budget": ("--extend",),
    },
    "bench": {
        "--report": ("--only",),
        "--dry-run": ("--report", "--check", "--make-targets"),
    },
    "sweep": {
        "--report": ("--retry",),
        "--dry-run": ("--report", "--retry", "--search"),
        # Optuna asks for the best of one
        "--metric": ("--dry-run", "--search"),
    },
    "data": {
        # our own data sets are prepared in one way
        "--manual-dir": (
            "--short-side",
            "--val-share",
            "--split-seed",
            "--skip-broken",
            "--label",
            "--force",
        ),
    },
    "analyse": {"--step": ("--at-loss",)},
    "show": {
        "--topology": ("--devices", "--batch"),
        "--find-lr": ("--batch", "--topology", "--find-batch"),
        "--find-batch": ("--batch", "--topology", "--plot"),
    },
    "profile": {"--latency-table": ("--out", "--steps", "--rows")},
}


def check_together(verb: str, given: Collection[str], values: Mapping[str, Any]) -> None:
    """Refuses flags that would do nothing.

    Args:
      verb: of the command.
      given: the flags that were typed, without their values; `OVERRIDE` for `--config.key=value`.
      values: {name: value} of all arguments, defaults included.

    Raises:
      UserError: naming the flag, and what it goes with.
    """
    # first: two flags that clash may each need a third, which would not help
    for flag, others in EXCLUDES.get(verb, {}).items():
        if flag not in given:
            continue
        for other in others:
            if other in given:
                raise UserError(
                    f"{verb}: give {flag} or {other}, not both\nsee: effjax {verb} --help"
                )
    for flag, leaders in NEEDS.get(verb, {}).items():
        if flag not in given:
            continue
        used = any(_is_given(leader, given, values) for leader in leaders)
        if not used:
            listed = " or ".join(_as_typed(leader) for leader in leaders)
            raise UserError(f"{verb} uses {flag} only with {listed}\nsee: effjax {verb} --help")


def _is_given(leader: str, given: Collection[str], values: Mapping[str, Any]) -> bool:
    name, equals, value = leader.partition("=")
    if not equals:
        return leader in given
    # the value counts, typed or not: it may be the default
    return str(values.get(name)) == value


def _as_typed(leader: str) -> str:
    """ "runner=local" -> "--runner=local"; a positional argument is its word alone."""
    name, equals, value = leader.partition("=")
    if not equals:
        return leader
    if name == "action":
        return value
    return f"--{leader}"
