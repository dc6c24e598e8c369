"""The page of a report; that it is whole is a test of the suite."""

from effjax.bench.page import make_page
from effjax.bench.results import ResultsFolder
from effjax.bench.scoring import Scores
from effjax.config import View
from tests.bench.configs import small_config
from tests.bench.test_report import make_workload


def test_without_rows_the_page_says_where_it_comes_from(tmp_path):
    view = View(small_config())
    page = make_page(
        view, [make_workload("p")], ResultsFolder(tmp_path), [], Scores([], {}, "adamw")
    )
    text = page.html()
    assert "Where this comes from" in text
    assert "Curves" not in text
    assert '<td class="left">p</td>' in text  # the hash that baselines are found by
