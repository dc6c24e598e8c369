import pytest

from effjax.errors import UserError
from effjax.tasks.trained_generator import trained_generator
from tests.tasks.diffusion.conftest import trained_run

__all__ = ["trained_run"]


def test_a_run_is_found_again_without_its_data(trained_run):
    workdir, _ = trained_run
    task, variables = trained_generator(workdir)
    assert task.model.num_classes == 10
    assert task.split.image_shape == (32, 32, 3)
    assert set(variables) == {"params"}


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run's folder"):
        trained_generator(tmp_path)
