import pytest

from effjax.errors import UserError
from effjax.tasks.autoencode.trained import trained_autoencoder


@pytest.mark.slow
def test_a_run_is_found_again_without_its_data(trained_coder):
    task, variables = trained_autoencoder(trained_coder[0])
    assert task.model.latent_shape(task.split.image_shape) == (2, 2, 4)
    assert set(variables) == {"params"}


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a run's folder"):
        trained_autoencoder(tmp_path)
