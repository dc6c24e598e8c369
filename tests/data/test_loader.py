"""Order, resume, hosts, workers and padding of the loader."""

import dataclasses
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from effjax.data import AugmentConfig, DataConfig, open_split
from effjax.errors import UserError

CONFIG = DataConfig(name="synthetic", image_size=16, synthetic_examples=50, synthetic_classes=5)
PLAIN = AugmentConfig(crop="none", hflip=0.0)


def read(steps, start=0, train=True, config=CONFIG, seed=0, batch_size=8, **part):
    split = open_split(
        config,
        "train" if train else "validation",
        seed=seed,
        batch_size=batch_size,
        train=train,
        **part,
    )
    with split.batches(start) as batches:
        return [next(batches) for _ in range(steps)]


def assert_same(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_every_example_once_an_epoch_and_another_order_the_next():
    config = dataclasses.replace(CONFIG, augment=PLAIN)
    pixels = np.concatenate([batch["image"] for batch in read(25, config=config, batch_size=4)])
    first, second = ([p.tobytes() for p in pixels[i : i + 50]] for i in (0, 50))
    assert len(set(first)) == 50
    assert set(first) == set(second)
    assert first != second


def test_same_seed_same_bytes_other_seed_others():
    assert_same(read(3), read(3))
    assert (read(1)[0]["image"] != read(1, seed=1)[0]["image"]).any()


def test_resume_in_mid_epoch():
    assert_same(read(20)[9:], read(11, start=9))


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_share_the_global_batch(hosts):
    parts = [read(9, host=host, hosts=hosts) for host in range(hosts)]
    joined = [
        {key: np.concatenate([b[key] for b in step]) for key in step[0]} for step in zip(*parts)
    ]
    assert_same(read(9), joined)


@pytest.mark.parametrize(
    ("workers", "hosts"),
    [
        (workers, hosts)
        if (workers, hosts) in ((0, 2), (1, 1), (2, 1))
        else pytest.param(workers, hosts, marks=pytest.mark.slow)
        for workers in range(4)
        for hosts in (1, 2)
    ],
)
def test_resumed_by_other_workers_and_hosts(workers, hosts):
    everything = dataclasses.replace(CONFIG.augment, randaugment="rand-m9-mstd0.5-inc1", vflip=0.5)
    config = dataclasses.replace(CONFIG, augment=everything)
    whole = read(9, config=config)  # by threads, from the start, into the second epoch
    config = dataclasses.replace(config, workers=workers)
    parts = [read(5, start=4, config=config, host=host, hosts=hosts) for host in range(hosts)]
    joined = [
        {key: np.concatenate([part[key] for part in step]) for key in step[0]}
        for step in zip(*parts)
    ]
    assert_same(whole[4:], joined)


def test_memory_cache_changes_nothing():
    assert_same(read(14), read(14, config=dataclasses.replace(CONFIG, cache="memory")))


@pytest.mark.parametrize("hosts", [1, 2])
def test_evaluation_is_padded_and_equally_long_on_every_host(hosts):
    seen = []
    for host in range(hosts):
        split = open_split(
            CONFIG, "validation", seed=0, batch_size=16, host=host, hosts=hosts, train=False
        )
        with split.batches() as batches:
            steps = list(batches)
        assert len(steps) == split.steps_per_epoch == 4
        assert {batch["image"].shape for batch in steps} == {(16 // hosts, 16, 16, 3)}
        seen.append(steps)
    steps = [
        {key: np.concatenate([h[key] for h in step]) for key in step[0]} for step in zip(*seen)
    ]
    mask = np.concatenate([batch["mask"] for batch in steps])
    np.testing.assert_array_equal(mask, np.arange(64) < 50)
    labels = np.concatenate([batch["label"] for batch in steps])
    np.testing.assert_array_equal(labels[:50], np.arange(50) % 5)
    assert not steps[-1]["image"][2:].any()


def test_mistakes_are_named():
    with pytest.raises(UserError, match="at most 50"):
        read(1, batch_size=51)
    with pytest.raises(UserError, match="multiple of 3"):
        read(1, hosts=3)


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from effjax.data import DataConfig, open_split\n"
        "if __name__ == '__main__':\n"
        "    config = DataConfig(name='synthetic', image_size=8, workers=2)\n"
        "    split = open_split(config, 'train', seed=0, batch_size=4, train=True)\n"
        "    batches = split.batches()\n"
        "    next(batches)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(100)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def runs(pid):
        try:  # what has ended but was not waited for has no command line
            return bool(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
        except (FileNotFoundError, ProcessLookupError):
            return False

    deadline = time.monotonic() + 20
    while any(map(runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_only_some_classes_are_used():
    """In the order of their names in the config; labels are their places there."""
    config = DataConfig(
        name="synthetic",
        image_size=8,
        synthetic_examples=12,
        synthetic_classes=4,
        classes=("3", "1"),
    )
    split = open_split(config, "train", seed=0, batch_size=2, train=True)
    assert split.class_names == ("3", "1")
    assert split.num_examples == 6
    assert set(split.examples.labels().tolist()) == {0, 1}
    other = dataclasses.replace(config, classes=("1", "7"))
    with pytest.raises(UserError, match="synthetic has no class 7"):
        open_split(other, "train", seed=0, batch_size=2, train=True)
