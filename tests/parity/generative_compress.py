"""Recorded values of APTP's router, of intervals of times, and of compressed GANs."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.generators import channels, gates, router
from effjax.compress.generators.intervals import best_intervals
from effjax.ops.conv import conv_reference
from tests.parity.fill import fill
from tests.parity.generative_gan import games

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]


def structure_of(case: Any) -> gates.Structure:
    given = case["structure"]
    return gates.Structure(
        tuple(map(tuple, given["width"])),
        tuple(bool(flag) for (flag,) in given["depth"]),
        tuple(case["depth_order"]),
    )


def heads_of(case: Any, seed: int) -> dict[str, np.ndarray]:
    """{name: float64} of the linear maps from prompts to gates."""
    heads = {}
    for name, shape, _ in case["entries"]:
        heads[name] = fill(f"aptp.{name}", shape, seed).astype(np.float64)
    return heads


def embed(heads: Mapping[str, Any], prompts: Any) -> jax.Array:
    """[B, G]: the logits of all gates of prompts [B, P]."""
    found = []
    for number in range(len(heads) // 2):
        weight, bias = heads[f"mh_fc.{number}.weight"], heads[f"mh_fc.{number}.bias"]
        found.append(prompts @ weight.T + bias[None])
    return jnp.concatenate(found, axis=-1)


def aptp(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The router, from prompts to the gates of their codes."""
    for name in sorted({key.split("/")[1] for key in keys}):
        case, prefix = spec["cases"][f"aptp/{name}"], f"aptp/{name}/"
        # one program: many small ones would take longer to compile
        values = jax.jit(functools.partial(_router, spec, case, inputs, prefix))()
        for key, value in values.items():
            yield f"aptp/{name}/{key}", value


def _router(spec: Any, case: Any, inputs: Arrays, prefix: str) -> dict[str, Any]:
    x = {}
    for name in ("prompts", "u_prompts", "u_codes", "u_plain", "ratios", "logits"):
        x[name] = jnp.asarray(inputs[prefix + name])
    structure, heads = structure_of(case), heads_of(case, spec["seed"])
    temperature, base = case["temperature"], case["base"]
    width = structure.width_count + structure.depth_count
    codes = fill("aptp.embedding.weight", (case["codes"], width), spec["seed"])
    code_logits = case["code_scale"] * jnp.asarray(codes.astype(np.float64))

    def gates_of(logits: Any, uniform: Any) -> jax.Array:
        return gates.architecture_gates(structure, logits, uniform, temperature, base)

    def of_prompts(heads: Any) -> jax.Array:
        return gates_of(embed(heads, x["prompts"]), x["u_prompts"])

    code_gates, prompt_gates = gates_of(code_logits, x["u_codes"]), of_prompts(heads)
    vectors = gates.comparable(structure, prompt_gates)
    similarity = router.similarities(vectors, gates.comparable(structure, code_gates))
    sinkhorn = (case["sinkhorn"]["temperature"], case["sinkhorn"]["rounds"])
    index = router.chosen(similarity, True, *sinkhorn)
    macs = tuple(map(tuple, case["macs"]))
    template = jnp.asarray(gates.resource_template(structure, macs))
    found = {
        "embedding": embed(heads, x["prompts"]),
        "code_logits": code_logits,
        "code_masks": code_gates,
        "code_masks_hard": gates.hard(code_gates),
        "prompt_masks": prompt_gates,
        "prompt_normalized": vectors,
        "prompt_normalized_resource": gates.comparable(structure, prompt_gates, template),
        "similarity": similarity,
        "assignment": router.balanced(similarity, *sinkhorn),
        "index_transport": index,
        "index_cosine": router.chosen(similarity, False),
        "selected": router.select(code_gates, similarity, index, straight_through=False),
        "resource_log": router.resource_loss(x["ratios"], case["resource_target"]),
    }
    found["std_loss"], found["max_loss"] = router.spread_losses(x["ratios"])

    def loss(heads: Any) -> jax.Array:
        own = gates.comparable(structure, of_prompts(heads))
        return router.contrastive(x["prompts"], own, *case["contrastive_temperatures"])

    found["contrastive"], grads = jax.value_and_grad(loss)(heads)
    names = [str(name) for name in inputs[prefix + "contrastive/names"]]
    found["contrastive/grad_l2"] = jnp.stack([jnp.linalg.norm(grads[n]) for n in names])
    found["contrastive/grad_sum"] = jnp.stack([grads[n].sum() for n in names])

    def plain(logits: Any) -> jax.Array:
        return gates.soft_gates(logits, x["u_plain"], temperature, base)

    found["gumbel_sigmoid"] = plain(x["logits"])
    found["gumbel_sigmoid_grad"] = jax.grad(lambda logits: plain(logits).sum())(x["logits"])
    nested = gates.nested_logits(x["logits"])
    found["nested"] = gates.soft_gates(nested, x["u_plain"], temperature, 0.0)
    found["nested_without_noise"] = gates.falling_shares(x["logits"])
    return found


def intervals(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The best division of times."""
    found = best_intervals(inputs["intervals/similarity"], spec["cases"]["intervals"]["k"])
    yield "intervals/starts", np.asarray(found.starts)
    yield "intervals/cost", found.cost


def convolution(name: str, shape: tuple[int, int, int, int], seed: int) -> tuple[Any, Any]:
    """(kernel [I, J, C, O], bias [O]) of a convolution that is recorded as OIHW."""
    kernel = fill(f"gan.{name}.weight", shape, seed).astype(np.float64).transpose(2, 3, 1, 0)
    return kernel, fill(f"gan.{name}.bias", shape[:1], seed).astype(np.float64)


def forward(layers: Any, x: Any) -> tuple[list[jax.Array], jax.Array]:
    """(the features of two convolutions, the image of a third)."""
    features = []
    for kernel, bias in layers:
        pad = (kernel.shape[0] // 2,) * 2
        x = (
            conv_reference(x, jnp.asarray(kernel), (1, 1), pad)
            + jnp.asarray(bias)[None, None, None]
        )
        if len(features) < 2:
            x = jax.nn.relu(x)
            features.append(x)
    return features, jnp.tanh(x)


def gan_compression(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The games, and a narrower generator that begins with the teacher's largest channels."""
    yield from games(spec, inputs, keys)
    case, seed = spec["cases"]["gan"], spec["seed"]
    wide, narrow, x = case["teacher"], case["student"], inputs["gan/x"]
    colours = x.shape[-1]
    teacher = [
        convolution("conv1", (wide, colours, 3, 3), seed),
        convolution("conv2", (wide, wide, 3, 3), seed),
        convolution("last", (3, wide, 3, 3), seed),
    ]
    (first, bias1), (second, bias2), (last, bias3) = teacher
    kept1 = channels.most_important(first, narrow)
    kept2 = channels.most_important(second, narrow, kept1)
    student = [
        (channels.sliced(first, kept1), channels.sliced(bias1, kept1)),
        (channels.sliced(second, kept2, kept1), channels.sliced(bias2, kept2)),
        (channels.sliced(last, np.arange(3), kept2), bias3),
    ]
    taught, image = forward(teacher, x)
    features, drawn = forward(student, x)
    maps = [convolution(f"map{n}", (wide, narrow, 1, 1), seed) for n in range(2)]
    mapped = []
    for (kernel, bias), feature in zip(maps, features, strict=True):
        mapped.append(conv_reference(feature, kernel, (1, 1), (0, 0)) + bias[None, None, None])
    each = jnp.stack([errors.mean() for errors in channels.feature_errors(mapped, taught)])
    yield "gan/kept1", kept1
    yield "gan/kept2", kept2
    yield "gan/teacher_image", image
    yield "gan/student_image", drawn
    yield "gan/distill_each", each
    yield "gan/distill", each.sum()
    yield "gan/reconstruction_l1", jnp.abs(image - drawn).mean()
    for count in case["widths"]:
        some = np.arange(count)
        kernel, bias = channels.sliced(first, some), channels.sliced(bias1, some)
        y = conv_reference(x, kernel, (1, 1), (1, 1)) + bias[None, None, None]
        yield f"gan/super_{count}_mean", y.mean((1, 2))


COMPRESSED = {
    "aptp/": aptp,
    "intervals/": intervals,
    "gan/": gan_compression,
}
