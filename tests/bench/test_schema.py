"""Sections of a config file."""

from effjax.bench.schema import empty_config, optimizer, workload


def test_sections_are_defaults_with_what_was_given():
    section = workload(problem="mlp", data={"image_size": 8}, max_steps=7)
    assert (section.problem, section.max_steps, section.batch_size) == ("mlp", 7, 64)
    assert (section.data.image_size, section.data.name) == (8, "digits")
    assert optimizer(name="adan", b3=0.9).b3 == 0.9
    assert list(empty_config().workloads) == []
