"""Several crops of an example: shapes, draws that belong to examples, hosts, workers, resume."""

import dataclasses

import numpy as np
import pytest

from effjax.data import AugmentConfig, DataConfig, ViewConfig, open_split
from effjax.data.images.resize import resize
from effjax.data.several import view_arrays
from effjax.errors import UserError

VIEWS = {
    "query": ViewConfig(recipe="moco_v2"),
    "local": ViewConfig(recipe="mugs_local", size=8, count=3),
}
CONFIG = DataConfig(
    name="synthetic", image_size=16, synthetic_examples=40, synthetic_classes=5, views=VIEWS
)


def opened(config=CONFIG, **part):
    return open_split(config, "train", seed=0, batch_size=8, train=True, **part)


def read(count=3, start=0, config=CONFIG, **part):
    with opened(config, **part).batches(start) as batches:
        return [next(batches) for _ in range(count)]


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


@pytest.fixture(scope="module")
def batches():
    return read(6)


def test_a_batch_has_the_crops_and_no_image(batches):
    spec = opened().spec
    assert {name: (a.shape, a.dtype) for name, a in batches[0].items()} == {
        name: (leaf.shape, leaf.dtype) for name, leaf in spec.items()
    }
    crops = view_arrays(batches[0])
    assert crops["query"].shape == (8, 1, 16, 16, 3)
    assert crops["local"].shape == (8, 3, 8, 8, 3)
    assert "image" not in batches[0]


def test_crops_of_an_example_differ(batches):
    local = batches[0]["view_local"]
    assert not np.array_equal(local[:, 0], local[:, 1])
    # the same example in another epoch has other draws
    first, again = batches[0], batches[5]
    assert not np.array_equal(first["view_query"], again["view_query"])


def test_a_crop_knows_its_row(batches):
    split = opened()
    labels = split.examples.labels()
    epoch = np.concatenate([batch["row"] for batch in batches[:5]])
    assert sorted(epoch) == list(range(40))
    for batch in batches:
        np.testing.assert_array_equal(batch["label"], np.asarray(labels)[batch["row"]])


def test_batches_are_the_same_from_any_start_host_or_worker(batches):
    assert_same(read(1, start=4)[0], batches[4])
    halves = [read(1, start=2, host=host, hosts=2)[0] for host in (0, 1)]
    joined = {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
    assert_same(joined, batches[2])
    assert_same(read(1, start=1, config=dataclasses.replace(CONFIG, cache="memory"))[0], batches[1])


@pytest.mark.slow
def test_worker_processes_make_the_same(batches):
    config = dataclasses.replace(CONFIG, workers=2)
    for ours, theirs in zip(read(3, config=config), batches):
        assert_same(ours, theirs)


def test_another_kind_changes_no_draw(batches):
    alone = dataclasses.replace(CONFIG, views={"query": VIEWS["query"]})
    np.testing.assert_array_equal(read(1, config=alone)[0]["view_query"], batches[0]["view_query"])


def test_overrides_replace_fields_of_the_recipe():
    still = ViewConfig(recipe="plain", scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)
    batch = read(1, config=dataclasses.replace(CONFIG, views={"whole": still}))[0]
    split = opened()
    for row, crop in zip(batch["row"], batch["view_whole"][:, 0]):
        image, _ = split.stream.views.pixels(int(row))
        np.testing.assert_array_equal(resize(image, (16, 16), "bilinear"), crop)


def test_evaluation_is_as_ever():
    split = open_split(CONFIG, "validation", seed=0, batch_size=8, train=False)
    with split.batches() as batches:
        assert set(next(batches)) == {"image", "label", "mask", "index"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cache": "device"}, "data.views are cut by the host"),
        ({"augment": AugmentConfig(repeats=2)}, "set data.views.NAME.count"),
        ({"views": {"Query 1": ViewConfig()}}, "a name has small letters"),
        ({"views": {"query": ViewConfig(recipe="moco_v9")}}, "unknown recipe"),
        ({"views": {"query": ViewConfig(scale=(0.9, 0.2))}}, "the smaller first"),
        ({"views": {"query": ViewConfig(randaugment="rand-m9")}}, "never used"),
        ({"views": {"query": ViewConfig(randaugment="auto-x1")}}, "expected words such as"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        opened(dataclasses.replace(CONFIG, **change))
