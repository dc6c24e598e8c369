"""Recorded values of DiT, MDT and U-ViT: outputs, losses, gradients, loops, trajectories."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import models, optim
from effjax.diffusion import samplers
from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.guidance import Guidance
from effjax.diffusion.noise_schedule import Schedule
from effjax.models.blocks.adaln import relative_index
from effjax.models.blocks.sinusoids import grid_table
from effjax.models.families.dit import DiT, DiTArchitecture
from effjax.models.families.mdt import MDT, MDTArchitecture
from effjax.models.families.uvit import UViT, UViTArchitecture
from effjax.models.weights.convert import tensors_of
from tests.parity.fill import fill

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
GUIDED = 3  # channels, as published
COMPUTED = ("relative_position_index",)


def shared_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of our architectures from the reference's arguments."""
    return {
        "width": given["hidden_size"],
        "heads": given["num_heads"],
        "depth": given["depth"],
        "patch_size": given["patch_size"],
        "mlp_ratio": given.get("mlp_ratio", 4.0),
        "in_chans": given["in_channels"],
        "learn_sigma": given["learn_sigma"],
        "null_label": given.get("class_dropout_prob", 0.1) > 0,
        "image_size": given["input_size"],
    }


def build(name: str, given: Mapping[str, Any]) -> models.Denoiser:
    """The network of a case."""
    fields = shared_fields(given)
    if name.startswith("mdt"):
        fields |= {"decoder": given["decode_layer"], "long_skips": name.startswith("mdtv2")}
        architecture = MDTArchitecture(**fields)
        return MDT(architecture, given["num_classes"], dtype=jnp.float64)
    return DiT(DiTArchitecture(**fields), given["num_classes"], dtype=jnp.float64)


def filled(model: models.Denoiser, entries: Any, seed: int) -> Any:
    """Variables rebuilt from the names and shapes of the reference's weights."""
    state = {}
    for name, shape, _ in entries:
        if name.endswith(COMPUTED):
            continue
        if name.endswith("pos_embed") and not isinstance(model, UViT):
            side = round(shape[1] ** 0.5)
            state[name] = grid_table((side, side), shape[2])[None]
        else:
            state[name] = fill(name, tuple(shape), seed)
    variables = models.weights.from_torch(model, state)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), variables)


class Case:
    """One recorded network with what is asked of it."""

    def __init__(self, name: str, spec: Mapping[str, Any], inputs: Arrays):
        self.name = name
        self.spec = spec
        case = spec["cases"][name]
        self.model = build(name, case["model"])
        self.variables = filled(self.model, case["entries"], spec["seed"])
        self.params = self.variables["params"]
        self.inputs = {
            key.removeprefix(f"{name}/"): jnp.asarray(value)
            for key, value in inputs.items()
            if key.startswith(f"{name}/") and value.dtype.kind != "U"
        }
        self.names = {
            key.removeprefix(f"{name}/"): [str(n) for n in value]
            for key, value in inputs.items()
            if key.startswith(f"{name}/") and value.dtype.kind == "U"
        }
        self.sampling = spec["cases"]["sampling"].get(name, {})
        learned = case["model"]["learn_sigma"]
        min_snr = 5.0 if name.startswith("mdtv2") else None
        self.process = Ddpm(
            Schedule.named("linear"),
            variance="learned" if learned else "large",
            min_snr=min_snr,
        )

    def network(self, params: Any, y: jax.Array, hidden: Any = None) -> Callable[..., jax.Array]:
        return lambda x, told: self.model.apply({"params": params}, x, told, y, hidden)

    @functools.cached_property
    def hidden_args(self) -> tuple[jax.Array, jax.Array]:
        return self.inputs["ratio_uniform"], self.inputs["order_uniform"]

    def hidden(self, ratio_uniform: Any, order_uniform: Any) -> models.Hidden:
        ratio = self.spec["cases"][self.name]["model"]["mask_ratio"]
        if self.name.startswith("mdtv2"):
            ratio += 0.2 * float(np.ravel(ratio_uniform)[0])
        kept = int(order_uniform.shape[1] * (1 - ratio))
        return models.Hidden(jnp.argsort(order_uniform, 1), kept)

    def losses(
        self, params: Any, clean: Any, noise: Any, t: Any, y: Any, hidden: Any = None
    ) -> dict[str, jax.Array]:
        noisy = self.process.noisy(clean, noise, t)
        output = self.network(params, y, hidden)(noisy, t)
        return self.process.losses(output, clean, noise, noisy, t)

    def of_names(self, tree: Any, names: list[str]) -> list[np.ndarray]:
        """Leaves of a tree like the parameters in the order and layout of the reference."""
        state = models.weights.to_torch(self.model, {"params": tree})
        return [np.asarray(state[name]) for name in names]


def norms(arrays: list[np.ndarray]) -> np.ndarray:
    return np.asarray([np.sqrt(np.square(a.astype(np.float64)).sum()) for a in arrays])


def dit(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    for name in dict.fromkeys("/".join(key.split("/")[:2]) for key in keys):
        case = Case(name, spec, inputs)
        mine = {key.removeprefix(f"{name}/") for key in keys if key.startswith(f"{name}/")}
        for leaf, value in of_network(case, mine):
            yield f"{name}/{leaf}", value


def of_network(case: Case, keys: set[str]) -> Pairs:
    # each as one program: hundreds of small ones would take longer to compile
    yield from jax.jit(lambda: dict(forward(case)))().items()
    yield from training(case)
    if any(key.startswith("cfg") for key in keys):
        yield from sampling(case, keys)
    if any(key.startswith("trajectory") for key in keys):
        yield from trajectory(case)
    if "at_init/names_with_gradient" in keys:
        yield from at_init(case)


def forward(case: Case) -> Pairs:
    """Outputs and what is inside."""
    x, t, y = (case.inputs[name] for name in "xty")

    def wanted(module: Any, method: str) -> bool:
        return method in ("__call__", "interpolate")

    output, seen = case.model.apply(
        case.variables, x, t, y, capture_intermediates=wanted, mutable="intermediates"
    )
    seen = seen["intermediates"]
    yield "out", output
    if isinstance(case.model, DiT):
        tokens = seen["x_embedder"]["__call__"][0]
        side = round(tokens.shape[1] ** 0.5)
        yield "tokens", tokens + grid_table((side, side), tokens.shape[-1])[None]
        yield "c", seen["t_embedder"]["__call__"][0] + seen["y_embedder"]["__call__"][0]
        for number in range(case.model.architecture.depth):
            yield f"block{number}_mean", seen[f"blocks_{number}"]["__call__"][0].mean(1)
        return
    hidden = case.hidden(*case.hidden_args)
    masked, seen = case.model.apply(
        case.variables,
        x,
        t,
        case.inputs["y_masked"],
        hidden,
        capture_intermediates=wanted,
        mutable="intermediates",
    )
    inside = seen["intermediates"]["interpolate"][0]
    restore = jnp.argsort(hidden.order, 1)
    yield "masked/out", masked
    yield "masked/mask", (restore >= hidden.kept).astype(float)
    yield "masked/ids_restore", restore
    yield "masked/ids_keep", hidden.order[:, : hidden.kept]
    yield "masked/interpolated_mean", inside.mean(1)
    yield "masked/interpolated_first", inside[:, 0]
    side = round(hidden.order.shape[1] ** 0.5)
    index = relative_index((side, side))
    first = "en_inblocks_0" if case.model.architecture.long_skips else "blocks_0"
    table = case.params[first]["attn"]["rel_pos_bias"]["relative_position_bias_table"]
    yield "relative_position_index", index
    bias = jnp.moveaxis(table[index], -1, 0)
    yield "relative_position_bias", bias[0]
    kept = hidden.order[0, : hidden.kept]
    yield "relative_position_bias_kept", bias[0][kept][:, kept]


def training(case: Case) -> Pairs:
    """Losses of one batch, and the gradient of their mean."""
    clean, noise, t, y = (case.inputs[name] for name in ("x", "noise", "t", "y"))
    if isinstance(case.model, DiT):

        def mean(params: Any) -> tuple[jax.Array, Any]:
            found = case.losses(params, clean, noise, t, y)
            return found["loss"].mean(), found

        grads, found = jax.jit(jax.grad(mean, has_aux=True))(case.params)
        for name, value in found.items():
            yield f"train/{name}", value
    else:
        hidden = case.hidden(*case.hidden_args)
        second = (case.inputs["noise_masked"], t, case.inputs["y_masked"], hidden)

        def both(params: Any) -> tuple[jax.Array, Any]:
            plain = case.losses(params, clean, noise, t, y)
            masked = case.losses(params, clean, *second)
            return plain["loss"].mean() + masked["loss"].mean(), (plain, masked)

        (loss, parts), grads = jax.jit(jax.value_and_grad(both, has_aux=True))(case.params)
        yield "train/loss", loss
        for kind, found in zip(("plain", "masked"), parts, strict=True):
            for name, value in found.items():
                yield f"train/{kind}/{name}", value
    arrays = case.of_names(grads, case.names["train/names"])
    yield "train/grad_l2", norms(arrays)
    yield "train/grad_sum", np.asarray([a.sum() for a in arrays])


def sampling(case: Case, keys: set[str]) -> Pairs:
    """Guided outputs and whole loops."""
    settings = case.sampling
    labels, z = case.inputs["cfg/labels"], case.inputs["cfg/z"]
    fresh = case.inputs["cfg/step_noise"]
    null = case.model.num_classes
    guidance = Guidance(settings["cfg"], power=settings.get("pow"), guided_channels=GUIDED)
    conditional = jax.jit(lambda x, told, y: case.model.apply(case.variables, x, told, y))
    guided = guidance.network(conditional, labels, null)
    times = np.atleast_1d(settings["cfg_t"])
    for t in times:
        name = "cfg/out" if isinstance(case.model, DiT) else f"cfg/out_t{t}"
        told = jnp.full(len(z), t)
        yield name, guided(z, told)
    told = jnp.full(len(z), times[0])
    yield "cfg/cond", conditional(z, told, labels)
    yield "cfg/uncond", conditional(z, told, jnp.full_like(labels, null))
    short = samplers.with_steps(case.process, str(settings["sample_steps"]))
    plain = case.network(case.params, labels)
    yield "cfg/ancestral", samplers.ancestral(short, guided, z, lambda i: fresh[i])
    if "sample/ancestral" in keys:
        yield "sample/ancestral", samplers.ancestral(short, plain, z, lambda i: fresh[i])
    yield "sample/timestep_map", short.schedule.times
    for key in keys:
        if key.startswith("sample/ddim_eta"):
            eta = float(key.removeprefix("sample/ddim_eta"))
            yield key, samplers.ddim(short, plain, z, lambda i: fresh[i], eta)


def trajectory(case: Case) -> Pairs:
    """Five steps of training."""
    settings = case.spec["cases"]["trajectory"]
    mine = settings["dit" if isinstance(case.model, DiT) else "mdtv2"]
    names = ("b1", "b2", "b3") if mine["optimizer"] == "Adan" else ("b1", "b2")
    betas = dict(zip(names, mine["betas"], strict=True))
    method = optim.adan if mine["optimizer"] == "Adan" else optax.adamw
    tx = method(mine["lr"], eps=mine["eps"], weight_decay=mine["weight_decay"], **betas)
    if "max_grad_norm" in mine:
        tx = optax.chain(optax.clip_by_global_norm(mine["max_grad_norm"]), tx)
    recorded = {
        key.removeprefix("trajectory/"): value
        for key, value in case.inputs.items()
        if key.startswith("trajectory/")
    }
    clean = recorded["x"]

    @functools.partial(jax.jit, static_argnums=4)
    def step(params: Any, state: Any, given: Any, order: Any, kept: int) -> Any:
        def loss(params: Any) -> jax.Array:
            args = (given["x"], given["noise"], given["t"], given["y"])
            total = case.losses(params, *args)["loss"].mean()
            if kept:
                hidden = models.Hidden(order, kept)
                second = (given["x"], given["noise_masked"], given["t"], given["y_masked"])
                total += case.losses(params, *second, hidden)["loss"].mean()
            return total

        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value, optax.tree.norm(grads)

    params, ema, state = case.params, case.params, tx.init(case.params)
    values, lengths = [], []
    for i in range(len(clean)):
        given = {name: value[i] for name, value in recorded.items()}
        order, kept = None, 0
        if "order_uniform" in given:
            order, kept = case.hidden(given["ratio_uniform"], given["order_uniform"])
        params, state, value, length = step(params, state, given, order, kept)
        decay = settings["ema"]
        ema = jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, ema, params)  # noqa: B023
        values.append(value)
        lengths.append(length)
    order_of_names = case.names["trajectory/names"]
    yield "trajectory/loss", np.stack(values)
    yield "trajectory/grad_norm", np.stack(lengths)
    yield "trajectory/param_l2", norms(case.of_names(params, order_of_names))
    yield "trajectory/ema_l2", norms(case.of_names(ema, order_of_names))


def at_init(case: Case) -> Pairs:
    """Which parameters have a gradient before the first step."""
    clean, noise, t, y = (case.inputs[name] for name in ("x", "noise", "t", "y"))

    def of_fresh() -> Any:
        fresh = case.model.init(jax.random.key(0), clean, t, y)["params"]
        return jax.grad(lambda p: case.losses(p, clean, noise, t, y)["loss"].mean())(fresh)

    grads = jax.jit(of_fresh)()
    state = models.weights.to_torch(case.model, {"params": grads})
    order = [name for name, *_ in case.spec["cases"][case.name]["entries"]]
    known = tensors_of(case.model, {"params": grads})
    moved = [name for name in order if name in known and np.any(state[name] != 0)]
    yield "at_init/names_with_gradient", np.asarray(moved)


def uvit(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """U-ViT with each scaling of its skips."""
    given = spec["cases"]["uvit/model"]
    x, t = jnp.asarray(inputs["uvit/x"]), jnp.asarray(inputs["uvit/t"])
    cotangent = jnp.asarray(inputs["uvit/cotangent"])
    for mode in dict.fromkeys(key.split("/")[1] for key in keys):
        architecture = UViTArchitecture(
            width=given["embed_dim"],
            heads=given["num_heads"],
            depth=given["depth"],
            patch_size=given["patch_size"],
            mlp_ratio=float(given["mlp_ratio"]),
            in_chans=given["in_chans"],
            image_size=given["img_size"],
            qkv_bias=given["qkv_bias"],
            skips=mode,
            kappa=given["kappa"],
        )
        model = UViT(architecture, 0, dtype=jnp.float64)
        entries = spec["cases"].get(f"uvit/{mode}", spec["cases"]["uvit/plain"])["entries"]
        variables = filled(model, entries, spec["seed"])

        def apply(params: Any, model: Any = model) -> Any:
            return model.apply(
                {"params": params},
                x,
                t,
                capture_intermediates=lambda module, _: type(module).__name__ == "SkipGate",
                mutable="intermediates",
            )

        output, seen = jax.jit(apply)(variables["params"])
        yield f"uvit/{mode}/out", output
        gates = jax.tree.leaves(seen)
        if gates:
            yield f"uvit/{mode}/gates", np.stack(gates)
        if mode == "constant":
            half = given["depth"] // 2
            yield (
                "uvit/constant/factors_outermost_last",
                np.asarray([given["kappa"] ** (half - 1 - i) for i in range(half)]),
            )
        grads = jax.jit(jax.grad(lambda p, f=apply: (f(p)[0] * cotangent).sum()))(
            variables["params"]
        )
        state = models.weights.to_torch(model, {"params": grads})
        arrays = [np.asarray(state[str(name)]) for name in inputs[f"uvit/{mode}/names"]]
        yield f"uvit/{mode}/grad_l2", norms(arrays)
        yield f"uvit/{mode}/grad_sum", np.asarray([a.sum() for a in arrays])


def published(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Parameters and multiply-adds of the published sizes, from shapes alone."""
    for name in dict.fromkeys(key.split("/", 1)[1] for key in keys):
        given = spec["published_sizes"][name]
        model = build("mdtv2" if "decode_layer" in given else "dit", given)
        shape = (given["input_size"], given["input_size"], given["in_channels"])
        cost = models.cost(model.clone(dtype=jnp.float32), shape)
        yield f"published_gmacs/{name}", cost.macs / 1e9
        found = {"trainable": cost.trainable}
        if isinstance(model, DiT):
            table = model.token_count(shape[:2]) * given["hidden_size"]
            found["all"] = cost.trainable + table
        else:
            a = model.architecture
            found["blocks"] = 2 * ((a.depth - a.decoder) // 2) + a.decoder
            found["skip_linears"] = (a.depth - a.decoder) // 2 + a.decoder
        yield f"published_sizes/{name}", found


NETWORKS = {
    "dit/": dit,
    "mdtv": dit,
    "uvit/": uvit,
    "published_": published,
}
