"""What the catalogue says of optax's methods."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.optim.catalogue import COUPLING, DECAY, LEAST_RATE, NEEDS, OWN, UNSCHEDULED

INFO = optim.list_optimizers()
PARAMS = {"a": jax.ShapeDtypeStruct((2, 2), jnp.float32)}


def test_every_entry_is_of_a_method_that_there_is():
    for table in (COUPLING, DECAY, LEAST_RATE, NEEDS, OWN, UNSCHEDULED):
        assert set(table) <= set(INFO), set(table) - set(INFO)
    for name, hints in OWN.items():
        assert hints.keys() <= INFO[name].hyperparameters.keys(), name


def test_an_extra_argument_is_needed_by_those_that_say_so():
    """Without its extra arguments an update fails, with nothing more it does not."""
    for name, info in INFO.items():
        if info.source == "effjax":
            continue
        tx = optim.create(name, 0.1)

        def update(grads, tx=tx):
            return tx.update(grads, tx.init(grads), grads)

        try:
            jax.eval_shape(update, PARAMS)
            complained = False
        except (TypeError, ValueError):
            complained = True
        assert complained == bool(info.needs), name


def test_defaults_of_optax_are_inside_their_ranges():
    for info in INFO.values():
        defaults = {
            name: default
            for name, default in info.hyperparameters.items()
            if default is not inspect.Parameter.empty and default is not None and name != "inner"
        }
        info.checked(defaults)


# ------------------------------------------------- methods of optax.contrib beside their papers


def after(name, grads, **settings):
    """A matrix [3, 4] after updates with these gradients, in float64."""
    with jax.enable_x64():
        params = jnp.asarray(np.linspace(-1.0, 1.0, 12).reshape(3, 4))
        tx = optim.create(name, 0.01, weight_decay=0.1, **settings)
        state = tx.init(params)
        for grad in grads:
            updates, state = tx.update(jnp.asarray(grad), state, params)
            params = optax.apply_updates(params, updates)
        return np.asarray(params)


def drawn_gradients():
    rng = np.random.default_rng(1)
    return [scale * rng.standard_normal((3, 4)) for scale in (1.0, 0.1, 5.0, 1.0, 0.5)]


def stepped(directions):
    """p <- p - lr (u + wd p), from the same start."""
    p = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    for u in directions:
        p = p - 0.01 * (u + 0.1 * p)
    return p


def test_ademamix_is_the_papers():
    """Algorithm 1 of arXiv:2409.03137: the slow average has no correction of its bias."""
    b1, b2, b3, alpha = 0.9, 0.99, 0.999, 5.0

    def directions():
        fast = slow = square = 0.0
        for t, g in enumerate(drawn_gradients(), 1):
            fast = b1 * fast + (1 - b1) * g
            slow = b3 * slow + (1 - b3) * g
            square = b2 * square + (1 - b2) * g**2
            root = np.sqrt(square / (1 - b2**t))
            yield (fast / (1 - b1**t) + alpha * slow) / (root + 1e-8)

    found = after("ademamix", drawn_gradients(), b1=b1, b2=b2, b3=b3, alpha=alpha)
    np.testing.assert_allclose(found, stepped(directions()), rtol=1e-12)


def test_adopt_is_the_papers():
    """Algorithm 2 of arXiv:2411.02853: the first gradient only fills the second moment."""
    b1, b2 = 0.9, 0.99

    def directions():
        momentum = np.zeros((3, 4))
        square = None
        for t, g in enumerate(drawn_gradients()):
            if t == 0:
                square = g**2
            else:
                whitened = g / np.maximum(np.sqrt(square), 1e-6)
                clipped = np.clip(whitened, -(t**0.25), t**0.25)
                momentum = b1 * momentum + (1 - b1) * clipped
                square = b2 * square + (1 - b2) * g**2
            yield momentum

    found = after("adopt", drawn_gradients(), b1=b1, b2=b2, eps=1e-6)
    np.testing.assert_allclose(found, stepped(directions()), rtol=1e-12)


def test_galore_is_adam_in_the_singular_vectors_of_the_longer_side():
    """The authors' program projects the shorter side: optax's state is the smaller one."""
    b1, b2, rank = 0.9, 0.999, 2

    def directions():
        first = second = 0.0
        for t, g in enumerate(drawn_gradients(), 1):
            if t % 2 == 1:  # a new basis every second update
                # optax finds it in float32
                basis = np.linalg.svd(g.astype(np.float32))[2][:rank].T  # [4, rank]
            low = g @ basis
            first = b1 * first + (1 - b1) * low
            second = b2 * second + (1 - b2) * low**2
            u = first / (1 - b1**t) / (np.sqrt(second / (1 - b2**t)) + 1e-8)
            yield u @ basis.T

    found = after("galore", drawn_gradients(), rank=rank, update_proj_gap=2)
    np.testing.assert_allclose(found, stepped(directions()), rtol=1e-5)
