from effjax.config import View
from effjax.search.cells.darts import DartsSearch
from effjax.search.cells.options import PrDartsConfig
from tests.search.cells.small import small_config


def test_durations_are_in_steps_of_the_part_for_weights():
    task = DartsSearch(View(small_config("darts", hold_epochs=1.0)))
    # half of 64 images, in batches of 8
    assert task.options.steps("hold", task.config, 32, 0) == 4
    assert task.options.steps("watch", task.config, 32, 9) == 9


def test_the_penalty_has_the_authors_factors():
    penalty = PrDartsConfig().penalty()
    assert (penalty.skip, penalty.other, penalty.chain, penalty.margin) == (0.01, 0.005, 0.005, 0.2)
