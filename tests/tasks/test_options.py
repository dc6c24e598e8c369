"""The keys of `config.task`."""

import effjax
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import Distillation
from effjax.tasks.options import ClassificationConfig


def test_tasks_that_are_classifications_have_its_keys():
    assert Classification.Config is ClassificationConfig
    assert issubclass(Distillation.Config, ClassificationConfig)
    assert ClassificationConfig() == ClassificationConfig(loss="cross_entropy")
    assert effjax.default_config().task.name == "classification"
