"""Spaces of architectures: what may be chosen in the dataclass of a registered model.

space = ArchSpace("convformer_s18", [Choice("stages_1.mixer", ("identity", "pooling"))])
point = space.sample(np.random.default_rng(0))      # (1,), a tuple of indices
space.decode(point)                                 # an ordinary architecture
"""

import functools
from collections.abc import Sequence
from typing import Any

from effjax import models
from effjax.errors import UserError
from effjax.models.architecture import entries, field_types, override
from effjax.models.blocks.mixers import find_mixer
from effjax.models.registry import fields_of
from effjax.search.choices import (
    RESOLUTION,
    Choice,
    Place,
    check_place,
    has_entries_of_blocks,
    read_path,
    resized,
    set_block,
    set_entry,
    values_of,
)
from effjax.search.points import Point, Space


class ArchSpace(Space):
    """Choices in the architecture of a registered model.

    Args:
      base: a registered name, such as "convformer_s18".
      choices: paths into its architecture, see `effjax.search.choices`.
      fields: of the architecture, replaced before anything is chosen.

    Attributes:
      name: of the registered model.
      base: the architecture, with `fields`.

    Raises:
      UserError: an unknown model or path, or an option that the field does not take.
    """

    def __init__(
        self,
        base: str,
        choices: Sequence[Choice],
        **fields: Any,
    ):
        super().__init__(choices)
        self.name = models.without_tag(base)
        self.base = override(models.entry(base).architecture, fields)
        self._fields = fields
        self._places = [read_path(choice.path) for choice in self.choices]
        for choice, place in zip(self.choices, self._places):
            check_place(choice.path, place, self.base)
        self._check_overlaps()
        self._depth_choices = self._find_depth_choices()
        self._check_options()
        self._decode = functools.lru_cache(maxsize=100_000)(self._decode_anew)

    def decode(self, point: Point) -> Any:
        """The architecture of a point.

        Raises:
          UserError: its fields contradict each other.
        """
        made = self._decode(point)
        if isinstance(made, UserError):
            raise made
        return made

    def _decode_anew(self, point: Point) -> Any:
        """The architecture, or the UserError that stands for it: both are worth remembering."""
        try:
            return override(self.base, self._values(point))
        except UserError as error:
            return error

    def resolution(self, point: Point) -> int | None:
        """The side of the images, where it is chosen."""
        return self.options(point).get(RESOLUTION)

    def is_idle(self, point: Point) -> tuple[bool, ...]:
        depths = self._depths(point)
        idle = []
        for place in self._places:
            gone = place.block is not None and place.block >= depths[place.stage]
            idle.append(gone or self._is_without_window(place, point))
        return tuple(idle)

    def model(
        self,
        point: Point,
        num_classes: int = 1000,
        **settings: Any,
    ) -> models.ImageModel:
        """The network of a point; `settings` as `create_model` takes them."""
        fields = fields_of(self.decode(point))
        return models.create_model(self.name, num_classes, **settings, **fields)

    def spec(self) -> dict[str, Any]:
        """The space as JSON data, from which `effjax.search.spec.read_spec` makes it again."""
        choices = [[choice.path, list(choice.options)] for choice in self.choices]
        return {"base": self.name, "fields": dict(self._fields), "choices": choices}

    # -------------------------------------------------------------------------------- decoding

    def _values(self, point: Point) -> dict[str, Any]:
        """{field: value} of all fields that a point changes."""
        values: dict[str, Any] = {}
        depths = self._depths(point)
        chosen = []
        for place, choice, index in zip(self._places, self.choices, point):
            chosen.append((place, choice.options[index]))
        # depths first: the entries of blocks are counted by them
        for place, option in chosen:
            if place.stage is None and place.field != RESOLUTION:
                now = values.get(place.field, getattr(self.base, place.field))
                values[place.field] = set_entry(now, place.entry, option)
        for field in self._fields_of_blocks():
            now = values.get(field, getattr(self.base, field))
            values[field] = tuple(resized(entry, depth) for entry, depth in zip(now, depths))
        # stages before blocks, which say more
        staged = [(place, option) for place, option in chosen if place.stage is not None]
        for place, option in sorted(staged, key=lambda pair: pair[0].block is not None):
            self._write(values, place, option, depths)
        return values

    def _write(
        self,
        values: dict[str, Any],
        place: Place,
        option: Any,
        depths: Sequence[int],
    ) -> None:
        """Writes the option of a place that names a stage into `values`."""
        if place.block is not None and place.block >= depths[place.stage]:
            return
        for field, value in values_of(place, option).items():
            now = values.get(field, getattr(self.base, field))
            entry = value
            if place.block is not None:
                entry = set_block(now[place.stage], depths[place.stage], place.block, value)
            values[field] = set_entry(now, (place.stage,), entry)

    @functools.cached_property
    def _block_fields(self) -> tuple[str, ...]:
        hints = field_types(type(self.base))
        return tuple(name for name, hint in hints.items() if has_entries_of_blocks(hint))

    def _fields_of_blocks(self) -> tuple[str, ...]:
        return self._block_fields if self._depth_choices else ()

    def _find_depth_choices(self) -> dict[int, int]:
        """{stage: the choice that decides its depth}; of all stages at once under -1."""
        found = {}
        for number, place in enumerate(self._places):
            if place.field == "depths":
                stage = place.stage
                if stage is None:
                    stage = place.entry[0] if place.entry else -1
                found[stage] = number
        return found

    def _depths(self, point: Point) -> tuple[int, ...]:
        """The depths of the stages at a point."""
        depths = list(getattr(self.base, "depths", ()))
        for stage, number in self._depth_choices.items():
            option = self.choices[number].options[point[number]]
            if stage < 0:
                depths = list(option) if isinstance(option, Sequence) else [option] * len(depths)
            else:
                depths[stage] = option
        return tuple(depths)

    def _is_without_window(
        self,
        place: Place,
        point: Point,
    ) -> bool:
        """Whether a choice of window stands where no mixer has one."""
        if place.field != "kernel_sizes" or not hasattr(self.base, "mixers"):
            return False
        architecture = self._decode(point)
        if isinstance(architecture, UserError):
            return False
        stage = place.stage if place.stage is not None else (place.entry or (None,))[0]
        stages = range(len(architecture.depths)) if stage is None else [stage]
        for number in stages:
            mixers = entries(architecture, "mixers", number)
            if place.block is not None:
                mixers = mixers[place.block : place.block + 1]
            if any(find_mixer(mixer).func.window is not None for mixer in mixers):
                return False
        return True

    # -------------------------------------------------------------------------------- checking

    def _check_overlaps(self) -> None:
        """Refuses two choices that write the same entry."""
        written: dict[tuple, str] = {}
        for choice, place in zip(self.choices, self._places):
            for field in _written(place, choice.options):
                stage = place.stage if place.stage is not None else place.entry
                key = (field, stage if isinstance(stage, tuple) else (stage,), place.block)
                for other, path in written.items():
                    if _overlap(key, other):
                        raise UserError(f"{path} and {choice.path} decide the same; give one")
                written[key] = choice.path

    def _check_options(self) -> None:
        """Refuses an option that the architecture does not take whatever else is chosen."""
        for choice, place in zip(self.choices, self._places):
            if place.field == RESOLUTION:
                _check_resolutions(choice)
                continue
            for option in choice.options:
                self._check_option(choice.path, place, option)

    def _check_option(self, path: str, place: Place, option: Any) -> None:
        is_whole_network = place.stage is None
        if is_whole_network and place.field == "depths" and self._block_fields:
            return  # entries of blocks follow the depth when a point is decoded
        try:
            override(self.base, self._values_with(place, option))
        except UserError as error:
            # two fields may fit only together, such as a width and its heads
            if is_whole_network and not place.entry:
                return
            raise UserError(f"{path}, option {option!r}: {error}") from error

    def _values_with(self, place: Place, option: Any) -> dict[str, Any]:
        """{field: value} of what changes in the base where an option is put into its place."""
        if place.stage is None:
            now = getattr(self.base, place.field)
            return {place.field: set_entry(now, place.entry, option)}
        values: dict[str, Any] = {}
        depths = list(getattr(self.base, "depths", ()))
        if place.block is not None:
            # a block that the base does not have is there at a greater depth
            depths[place.stage] = max(depths[place.stage], place.block + 1)
            values["depths"] = tuple(depths)
            for field in self._block_fields:
                now = getattr(self.base, field)
                grown = [resized(entry, depth) for entry, depth in zip(now, depths)]
                values[field] = tuple(grown)
        self._write(values, place, option, depths)
        return values


def _check_resolutions(choice: Choice) -> None:
    for side in choice.options:
        if not isinstance(side, int) or side < 1:
            raise UserError(f"resolution: {side!r} is no side of images in pixels, such as 32")


def _written(
    place: Place,
    options: Sequence[Any],
) -> set[str]:
    """The fields that at least one option writes."""
    fields: set[str] = set()
    for option in options:
        fields |= values_of(place, option).keys()
    return fields


def _overlap(
    one: tuple,
    other: tuple,
) -> bool:
    """Whether two (field, entry, block) have an entry in common."""
    if one[0] != other[0]:
        return False
    shorter = min(len(one[1]), len(other[1]))
    if one[1][:shorter] != other[1][:shorter]:
        return False
    # a stage and one of its blocks go together: the block says more
    return one[2] == other[2]
