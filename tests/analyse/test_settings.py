"""A measure makes itself known."""

from effjax.analyse.settings import MEASURES, Found, Settings, measure


def test_a_measure_of_ones_own(monkeypatch):
    monkeypatch.setattr("effjax.analyse.settings.MEASURES", MEASURES)

    @measure("steps", "how many updates were made")
    def steps(subject, settings):
        return Found({"steps": subject})

    line, function = MEASURES.pop("steps")
    assert line == "how many updates were made"
    assert function(3, Settings()).values == {"steps": 3}
