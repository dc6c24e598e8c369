"""Recorded values of few-shot learning: SUN, Meta-Baseline, episodes and their interval."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data.episodes import draw_episode, rows_by_class
from effjax.report.statistics import t_interval
from effjax.tasks.few_shot.patch_labels import background_places, patch_loss, patch_targets
from effjax.tasks.few_shot.prototypes import METRICS, episode_logits, similarities
from tests.parity.selfsup_weights import Names, draw

Spec = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
SHORT = {"cosine": "cos", "dot": "dot", "squared": "sqr"}


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean over all rows."""
    of_label = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1)
    return -of_label.mean()


def compute_sun(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    case = spec["cases"]["sun"]
    batch, classes = case["B"], case["C"]
    teacher = jnp.asarray(draw(spec, "sun", "teacher_map")).reshape(batch, -1, classes)
    student = jnp.asarray(draw(spec, "sun", "student_map"))
    whole = jnp.asarray(draw(spec, "sun", "student_global"))
    labels = jnp.asarray(inputs["sun/labels"])
    yield "sun/background", background_places(teacher, case["bp"]).reshape(-1)

    def targets(label: str) -> jax.Array:
        return patch_targets(teacher, case["k"], case["bp"], case["smoothing"], label)

    def token_loss(student_map: jax.Array, label: str) -> jax.Array:
        rows = student_map.reshape(batch, -1, classes + 1)
        return patch_loss(rows, targets(label)).mean()

    def loss(student_map: jax.Array, whole: jax.Array) -> jax.Array:
        token = token_loss(student_map, "class1")
        return cross_entropy(whole, labels) + case["token_weight"] * token

    yield "sun/soft_label", targets("class1").reshape(-1, classes + 1)
    yield "sun/soft_label_paper", targets("extra").reshape(-1, classes + 1)
    yield "sun/token_loss", token_loss(student, "class1")
    yield "sun/token_loss_paper", token_loss(student, "extra")
    yield "sun/class_loss", cross_entropy(whole, labels)
    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(student, whole)
    yield "sun/loss", value
    yield "sun/grad_map", grads[0]
    yield "sun/grad_global", grads[1]


def compute_meta_baseline(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    name = "meta_baseline"
    case = spec["cases"][name]
    names = Names(case["weights"], f"{name}/encoder/")
    images = jnp.asarray(draw(spec, name, "data"))
    flat = images.reshape(len(images), -1)
    sizes = (case["episodes"], case["way"], case["shot"] + case["query"])

    def logits_of(params: Any, temperature: jax.Array) -> tuple[jax.Array, jax.Array]:
        layer = params["lin"]
        features = jnp.tanh(flat @ layer["kernel"] + layer["bias"][None])
        found, labels = episode_logits(features.reshape(*sizes, -1), case["shot"])
        labels = jnp.tile(labels, case["episodes"])
        return temperature * found.reshape(-1, case["way"]), labels

    def loss(params: Any, temperature: jax.Array) -> jax.Array:
        return cross_entropy(*logits_of(params, temperature))

    params = names.params(spec["seed"])
    temperature = jnp.asarray(case["temperature"])
    logits, labels = logits_of(params, temperature)
    yield f"{name}/logits", logits
    yield f"{name}/labels", np.asarray(labels)
    yield f"{name}/accuracy", (logits.argmax(1) == labels).mean()
    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(params, temperature)
    yield f"{name}/loss", value
    yield f"{name}/grad_temperature", grads[1]
    for weight, grad in names.by_name(grads[0]).items():
        yield f"{name}/grad/{weight}", grad.T
    features, prototypes = (jnp.asarray(draw(spec, name, w)) for w in ("features", "prototypes"))
    for metric in METRICS:
        found = similarities(features, prototypes, metric)
        yield f"{name}/metric_{SHORT[metric]}", case["temperature"] * found


def compute_episodes(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    case = spec["cases"]["episodes"]
    labels = inputs["episodes/labels"]
    by_class = rows_by_class(labels, int(labels.max()) + 1)
    rng = np.random.RandomState(case["seed"])
    drawn = []
    for _ in range(case["batches"]):
        rows = []
        for _ in range(case["episodes"]):
            _, images = draw_episode(rng, by_class, case["way"], case["shot"] + case["query"])
            rows.append(images.reshape(-1))
        drawn.append(np.concatenate(rows))
    yield "episodes/indices", np.stack(drawn)
    interval = t_interval(inputs["episodes/accuracies"])
    yield "episodes/mean", interval.estimate
    yield "episodes/interval", interval.high - interval.estimate


FEW_SHOT = {
    "sun/": compute_sun,
    "meta_baseline/": compute_meta_baseline,
    "episodes/": compute_episodes,
}
