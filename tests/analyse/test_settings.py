"""A measure makes itself known."""

from effjax.analyse.settings import MEASURES, Found, Settings, measure


def test_a_measure_of_ones_own(monkeypatch):
    monkeypatch.setattr("effjax.analyse.settings.MEASURES", MEASURES)

    @measure("steps", "how many updates were made", passes=lambda subject, settings: subject + 1)
    def steps(subject, settings):
        return Found({"steps": subject})

    entry = MEASURES.pop("steps")
    assert entry.line == "how many updates were made"
    assert entry.passes(3, Settings()) == 4
    assert entry.look(3, Settings()).values == {"steps": 3}
