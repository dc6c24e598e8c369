import pytest

from effjax.errors import UserError
from effjax.tasks.diffusion.trained import trained_denoiser


def test_a_run_is_found_again_without_its_data(trained_run):
    workdir, _ = trained_run
    task, variables = trained_denoiser(workdir)
    assert task.model.num_classes == 10
    assert task.split.image_shape == (32, 32, 3)
    assert set(variables) == {"params"}


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run's folder"):
        trained_denoiser(tmp_path)
