"""Tables of latencies for a space."""

import effjax
from effjax.costs import PartsTable
from effjax.report import choose_display
from effjax.search import measure
from effjax.search.measure import measure_space, some_of_all
from effjax.search.options import Search


def test_every_option_is_met(space):
    points = list(some_of_all(space, 8))
    for place, choice in enumerate(space.choices):
        met = {point[place] for point in points}
        assert met == set(range(len(choice.options)))


def test_a_table(space, tmp_path, monkeypatch):
    config = effjax.default_config()
    config.total_steps = 2
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=16)
    config.model.update(name="convformer_s18")
    monkeypatch.setattr("effjax.costs.parts.measure_ms", lambda function, arguments: 2.0)
    monkeypatch.setattr(measure, "measure_ms", lambda function, arguments: 9.0)
    path = tmp_path / "latency.json"
    measure_space(config, Search(space), path, choose_display(quiet=True), samples=2)
    table = PartsTable(path, 8)
    assert len(table.parts) > 5
    assert {part["ms"] for part in table.parts.values()} == {2.0}
