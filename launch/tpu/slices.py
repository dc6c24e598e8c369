"""What may be asked for: names, zones, accelerator types. Everything is checked before anything is
created."""

import re
from dataclasses import dataclass

NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
PROJECT = re.compile(r"[a-z][-a-z0-9.:]{4,61}[a-z0-9]")
RUNTIME = re.compile(r"[a-z0-9][-a-z0-9.]{0,62}")

# prefix of the type: software of the VM, what the number counts, number of these on one host, chips
# for each, sizes
FAMILIES = {
    "v4": ("tpu-ubuntu2204-base", "cores", 8, 0.5, (8, 16, 32, 64, 128, 256, 512, 1024)),
    "v5litepod": ("v2-alpha-tpuv5-lite", "chips", 4, 1, (1, 4, 8, 16, 32, 64, 128, 256)),
    "v5p": ("v2-alpha-tpuv5", "cores", 8, 0.5, (8, 16, 32, 64, 128, 256, 512, 1024)),
    "v6e": ("v2-alpha-tpuv6e", "chips", 4, 1, (1, 4, 8, 16, 32, 64, 128, 256)),
}
ONE_HOST = ("v5litepod-8", "v6e-8")  # eight chips on one VM


class Mistake(Exception):
    """The user's, in one or two lines: what came, what was expected, what to type."""


@dataclass(frozen=True)
class Slice:
    """A slice to be asked for.

    Attributes:
      name: of the queued resource and of its node.
      type: the accelerator type, such as v6e-8.
      zone, project: where; project None: that of gcloud's configuration.
      spot: cheaper, and may be taken away at any time.
      runtime: the software of the VMs.
    """

    name: str
    zone: str
    type: str | None = None
    project: str | None = None
    spot: bool = False
    runtime: str | None = None

    def __post_init__(self) -> None:
        _check("--name", self.name, NAME, "small letters, digits and -, at most 40: night-1")
        _check("--zone", self.zone, ZONE, "a zone such as us-east5-b")
        _check("--project", self.project, PROJECT, "a project's id")
        _check("--runtime", self.runtime, RUNTIME, "a runtime version such as v2-alpha-tpuv6e")
        if self.type is not None:
            _family(self.type)

    @property
    def software(self) -> str:
        """The runtime version: what was given, or that of the type."""
        return self.runtime or _family(self.type)[0]

    @property
    def hosts(self) -> int:
        """VMs of the slice."""
        if self.type in ONE_HOST:
            return 1
        _, _, per_host, _, _ = _family(self.type)
        return max(1, self._number // per_host)  # the smallest slices are a part of a host

    @property
    def chips(self) -> int:
        """What is paid for."""
        _, _, _, chips_each, _ = _family(self.type)
        return max(1, round(self._number * chips_each))

    @property
    def _number(self) -> int:
        """The number in the type: cores or chips, as the family counts."""
        return int(self.type.rpartition("-")[2])


def _check(flag: str, value: str | None, pattern: re.Pattern, expected: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise Mistake(f"{flag}={value!r} cannot be; expected {expected}")


def _family(kind: str) -> tuple[str, str, int, float, tuple[int, ...]]:
    prefix, _, number = kind.rpartition("-")
    if prefix.startswith(("tpu7", "v7")):
        raise Mistake(
            f"--type={kind}: the Cloud TPU API ends before TPU7x\n"
            "use Kubernetes: the recipe for XPK is in docs/launch.md"
        )
    if prefix not in FAMILIES:
        examples = ", ".join(f"{name}-{family[4][1]}" for name, family in FAMILIES.items())
        raise Mistake(f"--type={kind!r} is not known; expected one like {examples}")
    family = FAMILIES[prefix]
    if not number.isdigit() or int(number) not in family[4]:
        sizes = ", ".join(f"{prefix}-{size}" for size in family[4])
        raise Mistake(f"--type={kind!r} is no size of {prefix}; expected one of {sizes}")
    return family
