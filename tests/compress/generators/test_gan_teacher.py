import jax
import jax.numpy as jnp
import pytest

from effjax.compress.generators.gan_teacher import check_critic, gan_teacher
from effjax.errors import UserError
from tests.compress.generators.tiny_gan import tiny_gan
from tests.tasks.adversarial.conftest import trained_gan

__all__ = ["trained_gan"]


def test_a_teacher_is_needed():
    with pytest.raises(UserError, match="names the run whose generator"):
        gan_teacher("", tiny_gan("float32")[0][0])


def test_another_critic_is_refused():
    one = {"head": jnp.zeros(3)}
    check_critic("runs/x", one, jax.tree.map(jnp.ones_like, one))
    with pytest.raises(UserError, match="'runs/x' has another critic"):
        check_critic("runs/x", one, {"head": jnp.zeros(4)})


@pytest.mark.slow
def test_another_generator_is_refused(trained_gan):
    with pytest.raises(UserError, match="another generator than"):
        gan_teacher(str(trained_gan[0]), tiny_gan("float32")[0][0])
