"""Recorded values of PPOGAN, and of the losses of other GANs."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.adversarial.losses import GAMES, consistency, gradient_penalty
from effjax.tasks.adversarial.ppo import (
    classifier_loss,
    clipped_objective,
    density_ratio,
    importance,
)
from tests.parity.fill import fill
from tests.parity.generative_maths import compiled

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
LEAVES = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")


def network(name: str, inputs: int, width: int, outputs: int, seed: int, scale: float = 1.0) -> Any:
    """{leaf: array} of a network with a hidden layer."""
    shapes = ((width, inputs), (width,), (outputs, width), (outputs,))
    weights = {}
    for leaf, shape in zip(LEAVES, shapes, strict=True):
        filled = fill(f"ppogan.{name}.{leaf}", shape, seed)
        weights[leaf] = jnp.asarray(scale * filled.astype(np.float64))
    return weights


def forward(weights: Any, x: Any) -> jax.Array:
    """Two layers with tanh between; of one output [B]."""
    hidden = jnp.tanh(x @ weights["fc1.weight"].T + weights["fc1.bias"][None])
    y = hidden @ weights["fc2.weight"].T + weights["fc2.bias"][None]
    return y[:, 0] if y.shape[-1] == 1 else y


def norms(grads: Any) -> jax.Array:
    return jnp.stack([jnp.linalg.norm(grads[leaf]) for leaf in LEAVES])


@compiled
def ppogan(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The critic's loss, the generator's, and what they are made of."""
    case, seed = spec["cases"]["ppogan"], spec["seed"]
    z, real, mix = (inputs[f"ppogan/{name}"] for name in ("z", "real", "alpha"))
    sizes = (case["nz"], case["width"], case["dim"])
    generator = network("generator", *sizes, seed)
    old = network("generator_old", *sizes, seed)
    critic = network("critic", case["dim"], case["width"], 1, seed)
    judges = {}
    for name in ("classifier_old", "classifier_new"):
        scale = case["classifier_scale"]
        judges[name] = network(name, case["dim"], case["width"], 1, seed, scale)
    fake = forward(generator, z)

    def critic_losses(critic: Any, weighted: bool = True) -> tuple[jax.Array, dict[str, Any]]:
        scores = forward(critic, fake)
        even = jnp.ones_like(scores)
        weights = importance(scores, even) if weighted else even

        def of(x: jax.Array) -> jax.Array:
            return forward(critic, x)

        penalty = case["gp"] * gradient_penalty(of, real, fake, mix[:, 0]).mean()
        game = GAMES["wasserstein"]
        fooled = (weights * game.fake(scores)).mean()
        loss = game.real(of(real)).mean() + fooled + penalty
        parts = {
            "scores_fake": scores[:, None],
            "weights": weights[:, None],
            "penalty": penalty,
        }
        return loss, parts

    (loss, parts), grads = jax.value_and_grad(critic_losses, has_aux=True)(critic)
    parts |= {"loss": loss, "loss_unweighted": critic_losses(critic, weighted=False)[0]}
    parts["grad_l2"] = norms(grads)
    for name, value in parts.items():
        yield f"ppogan/critic/{name}", value

    passes = []
    for number in "12":
        score = inputs[f"ppogan/consistency/score{number}"][:, 0]
        passes.append((score, inputs[f"ppogan/consistency/feature{number}"]))
    margin = case["margin"]
    yield "ppogan/consistency/per_example", consistency(*passes, margin).mean()
    # the authors' program adds [B, 1] to [B], and takes the mean over [B, B]
    apart = jnp.square(passes[0][0] - passes[1][0])
    features = jnp.square(passes[0][1] - passes[1][1]).mean(-1)
    every_pair = jax.nn.relu(2 * apart[:, None] + 0.2 * features[None] - margin)
    yield "ppogan/consistency/broadcast", every_pair.mean()

    before = forward(judges["classifier_old"], forward(old, z))

    def generator_loss(generator: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        images = forward(generator, z)
        ratio = density_ratio(forward(judges["classifier_new"], images), before)
        scores = forward(critic, images)
        target = clipped_objective(scores, ratio, case["clip"])
        parts = {"ratio": ratio[:, None], "score": scores[:, None], "target": target[:, None]}
        return -target.mean(), parts

    (loss, parts), grads = jax.value_and_grad(generator_loss, has_aux=True)(generator)
    parts |= {"loss": loss, "grad_l2": norms(grads)}
    parts["grad_sum"] = jnp.stack([grads[leaf].sum() for leaf in LEAVES])
    for name, value in parts.items():
        yield f"ppogan/generator/{name}", value
    of_real, of_fake = classifier_loss(
        forward(judges["classifier_new"], real), forward(judges["classifier_new"], fake)
    )
    yield "ppogan/classifier_loss", of_real.mean() + of_fake.mean()


RECORDED_GAMES = {"lsgan": "least_squares", "vanilla": "non_saturating", "hinge": "hinge"}


def games(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The losses of one map of predictions: real for the critic, fake for it, generator."""
    prediction = jnp.asarray(inputs["gan/prediction"])
    for name, ours in RECORDED_GAMES.items():
        yield f"gan/{name}", np.asarray([of(prediction).mean() for of in GAMES[ours]])


GANS = {"ppogan/": ppogan}
