"""Values of points: trainings are ordinary runs, shortened as the share says."""

import effjax
from effjax.report import choose_display
from effjax.search.objectives import ByFunction, ByTable, ByTraining, Shortened, point_name
from effjax.search.table import Row, Table


def config():
    made = effjax.default_config()
    made.total_epochs = 8.0
    made.schedule.warmup_epochs = 2.0
    made.data.name = "synthetic"
    made.model.name = "convformer_s18"
    return made


def training(space, tmp_path):
    display = choose_display(quiet=True)
    return ByTraining(config(), space, tmp_path, "val/top1", 3, display)


def test_a_training_of_a_share(space, tmp_path):
    trial = training(space, tmp_path).trial((2, 1, 1, 1), share=0.25)
    assert trial.config.total_epochs == 2.0
    assert trial.config.schedule.warmup_epochs == 0.5
    assert trial.config.seed == trial.seed == 3
    assert trial.config.model.arch.endswith("p2-1-1-1.json")
    whole = training(space, tmp_path).trial((2, 1, 1, 1))
    assert whole.workdir != trial.workdir


def test_shares_multiply(space, tmp_path):
    class Asked:
        metric = "val/top1"

        def __call__(self, points, share):
            return share

    assert Shortened(Asked(), 0.5)([], 0.5) == 0.25


def test_a_table_whose_metric_is_better_if_less(space):
    table = Table(space, "val/loss", [Row((0, 0, 0, 0), (2.0, 4.0))])
    assert ByTable(table)([(0, 0, 0, 0)], 1.0)[0].value == -3.0
    assert ByFunction(sum)([(1, 0, 0, 1)], 1.0)[0].value == 2.0


def test_names():
    assert point_name((1, 0)) == "p1-0"
    assert len(point_name((1,) * 100)) < 20
