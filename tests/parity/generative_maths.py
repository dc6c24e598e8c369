"""Recorded values of processes, samplers and known answers: what needs no network."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from effjax.diffusion import ddpm, edm, edm_samplers, meanflow, samplers
from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.edm import Edm
from effjax.diffusion.flow import Flow
from effjax.diffusion.guidance import power_cosine
from effjax.diffusion.mixture import Mixture
from effjax.diffusion.noise_schedule import Schedule, kept_steps
from effjax.models.blocks.sinusoids import grid_table, time_table

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
NAMES = {"linear": "linear", "squaredcos_cap_v2": "cosine"}


# ------------------------------------------------------------------------------------- ddpm


def compiled(group: Any) -> Any:
    """A group of keys as one program: hundreds of small ones would take longer to compile."""

    def run(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
        yield from jax.jit(lambda: dict(group(spec, inputs, keys)))().items()

    return run


def ddpm_tables(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Tables of schedules and of respaced ones."""
    tables = {
        "betas": "betas",
        "alphas_cumprod": "alphas_cumprod",
        "posterior_variance": "posterior_variance",
        "posterior_log_variance_clipped": "posterior_log_variance",
        "posterior_mean_coef1": "posterior_clean",
        "posterior_mean_coef2": "posterior_noisy",
    }
    for key in keys:
        _, name, *rest = key.split("/")
        if name == "respace":
            total, how = rest[0].split("_")
            yield key, np.asarray(kept_steps(int(total), how))
        elif name == "respaced":
            schedule = Schedule.named("linear").respaced(rest[0])
            yield key, schedule.times if rest[1] == "timestep_map" else schedule.betas
        elif rest and rest[0] in tables:
            kind, steps = name.rsplit("_", 1)
            schedule = Schedule.named(NAMES[kind], int(steps))
            yield key, getattr(schedule, tables[rest[0]])[inputs[f"ddpm/{name}/t"]]


@compiled
def ddpm_steps(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """One step back and forth, and what is predicted of it."""
    x = {name: jnp.asarray(inputs[f"ddpm/{name}"]) for name in ("x_start", "noise", "step_noise")}
    output, t = jnp.asarray(inputs["ddpm/model_output"]), inputs["ddpm/timesteps"]
    schedule = Schedule.named("linear")
    process = Ddpm(schedule, variance="learned")
    noisy = process.noisy(x["x_start"], x["noise"], t)
    channels = noisy.shape[-1]
    yield "ddpm/q_sample", noisy
    yield "ddpm/q_posterior/mean", process.posterior_mean(x["x_start"], noisy, t)
    yield "ddpm/q_posterior/variance", schedule.posterior_variance[t]
    yield "ddpm/q_posterior/log_variance", schedule.posterior_log_variance[t]
    yield "ddpm/xstart_from_eps", process.clean_from_noise(output[..., :channels], noisy, t)
    yield "ddpm/eps_from_xstart", process.noise_from_clean(x["x_start"], noisy, t)
    for name, clip in (("p_mean_variance", False), ("p_mean_variance_clipped", True)):
        there = process.reverse(output, noisy, t, clip)
        yield f"ddpm/{name}/mean", there.mean
        yield f"ddpm/{name}/log_variance", there.log_variance
        yield f"ddpm/{name}/pred_xstart", there.clean
    there = process.reverse(output, noisy, t)
    moves = jnp.asarray(t > 0, noisy.dtype).reshape(-1, 1, 1, 1)
    yield (
        "ddpm/p_sample",
        there.mean + moves * jnp.exp(0.5 * there.log_variance) * x["step_noise"],
    )
    for key in keys:
        if key.startswith("ddpm/ddim_eta"):
            eta = float(key.removeprefix("ddpm/ddim_eta"))
            yield key, samplers.ddim_step(process, there.clean, noisy, t, x["step_noise"], eta)
    yield "ddpm/ddim_reverse", samplers.ddim_reverse_step(process, there.clean, noisy, t)
    yield "ddpm/vb_terms", process.bound_terms(output, x["x_start"], noisy, t)
    yield "ddpm/prior_bpd", process.prior_bits(x["x_start"])
    yield "ddpm/snr", schedule.snr[t]
    yield "ddpm/min_snr_weight", dataclasses.replace(process, min_snr=5.0).weight(t, noisy.dtype)
    yield "ddpm/log_variance_fixed_large", schedule.log_variance_large[t]
    yield "ddpm/log_variance_fixed_small", schedule.posterior_log_variance[t]
    yield "ddpm/normal_kl", ddpm.normal_kl(*jnp.asarray(inputs["ddpm/kl_inputs"]))
    mean = 0.8 * x["x_start"] + 0.01 * x["noise"]
    log_scale = spec["cases"]["maths"]["log_scale"]
    yield (
        "ddpm/discretized_log_likelihood",
        ddpm.discretised_log_likelihood(x["x_start"], mean, jnp.full_like(mean, log_scale)),
    )


@compiled
def ddpm_losses(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """`training_losses` of each kind."""
    maths = spec["cases"]["maths"]
    linear = Schedule.named("linear")
    learned = Ddpm(linear, variance="learned")
    gamma = maths["min_snr_gamma"]
    short = linear.respaced(maths["loss_respacing"])
    kinds = {
        "mse": learned,
        "rescaled_mse": learned,
        "kl": learned,
        "xstart": dataclasses.replace(learned, target="clean"),
        "fixed_sigma": Ddpm(linear, variance="large"),
        "cosine": dataclasses.replace(learned, schedule=Schedule.named("cosine")),
        # rescaled: the bound counts T / 1000
        "respaced": Ddpm(short, variance="learned", bound=len(short) / 1000),
        "min_snr": dataclasses.replace(learned, min_snr=gamma),
        "min_snr_xstart": dataclasses.replace(learned, min_snr=gamma, target="clean"),
    }
    clean, noise = jnp.asarray(inputs["ddpm/x_start"]), jnp.asarray(inputs["ddpm/noise"])
    output, times = jnp.asarray(inputs["ddpm/model_output"]), inputs["ddpm/timesteps"]
    for kind, process in kinds.items():
        t = jnp.asarray(times % len(process.schedule))
        noisy = process.noisy(clean, noise, t)
        given = output[..., : clean.shape[-1]] if kind == "fixed_sigma" else output
        found = process.losses(given, clean, noise, noisy, t)
        if kind == "kl":
            terms = process.bound_terms(given, clean, noisy, t)
            found = {"loss": len(process.schedule) * terms}
        for name, value in found.items():
            yield f"ddpm/losses/{kind}/{name}", value


def embeddings(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Position tables and embeddings of times."""
    for key in keys:
        kind, _, name = key.partition("/")
        if kind == "positions":
            width, side = map(int, name.split("x"))
            yield key, grid_table((side, side), width)
        else:
            yield key, time_table(jnp.asarray(inputs["timestep_embedding/t"]), int(name))


def guidance(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """MDT's scales."""
    for key in keys:
        scale, power = map(float, key.split("_")[-2:])
        yield key, power_cosine(scale, power, jnp.asarray(inputs["guidance/t"], float))


# ---------------------------------------------------------------------------------- edm, fdm


def toy_network(inputs: Arrays) -> Any:
    """F(x, n, y) = tanh(x A + n a + y L) B for the labels of `edm/labels`, one hot."""
    a = {name: jnp.asarray(inputs[f"edm/toynet/{name}"]) for name in "AaLB"}

    def network_for(labels: jax.Array) -> Any:
        def network(x: jax.Array, told: jax.Array) -> jax.Array:
            told = told[:, None, None, None] * a["a"][None, None, None]
            hidden = x @ a["A"] + told + (labels @ a["L"])[:, None, None]
            return jnp.tanh(hidden) @ a["B"]

        return network

    return network_for


@compiled
def edm_values(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Denoised values, scalings and losses of EDM and FDM."""
    settings = spec["cases"]["edm"]
    network_for = toy_network(inputs)
    x, sigma = jnp.asarray(inputs["edm/x"]), jnp.asarray(inputs["edm/sigmas"])
    network = network_for(jnp.asarray(inputs["edm/labels"]))
    clean, noise = jnp.asarray(inputs["edm/clean"]), jnp.asarray(inputs["edm/noise"])
    one_hot = jnp.eye(settings["classes"])[np.arange(len(clean)) % settings["classes"]]
    normal = jnp.asarray(inputs["edm/level_normal"]).reshape(-1)
    uniform = jnp.asarray(inputs["edm/level_uniform"]).reshape(-1)

    def losses(process: Edm, step: int) -> jax.Array:
        time = process.time(uniform, normal)
        return process.loss(network_for(one_hot), clean, noise, time, jnp.asarray(step))

    for folder in dict.fromkeys(key.rsplit("/", 1)[0] for key in keys):
        name = folder.split("/")[1]
        kind, _, multiplier = name.partition("_m")
        momentum = float(multiplier) if multiplier else None
        process = Edm(kind, momentum=momentum)
        warmup = settings["warmup"]
        warmed = Edm(kind, momentum=settings["warmup_multiplier"].get(kind), weight_warmup=warmup)
        c = process.scalings(sigma, x)
        values = {
            "denoised": lambda p=process: p.denoise(network, x, sigma),
            "c_in": lambda c=c: c.input.reshape(-1),
            "c_noise": lambda c=c: c.noise,
            "sigma_range": lambda p=process: np.asarray(p.sigma_range),
            "u": lambda: edm.iddpm_levels()[::50],
            "loss": lambda p=process: losses(p, 0),
            "warmup_losses": lambda p=warmed: jnp.stack([losses(p, k) for k in range(8)]),
            "warmup_clamp": lambda w=warmup: _clamps(8, w),
        }
        for leaf, value in values.items():
            if f"{folder}/{leaf}" in keys:
                yield f"{folder}/{leaf}", value()


def _clamps(calls: int, warmup: int) -> np.ndarray:
    bounds = edm.warmup_bound(jnp.arange(calls), warmup)
    return jnp.where(jnp.isfinite(bounds), bounds, -1.0)


# ----------------------------------------------------------------------------- known answers


def the_mixture(inputs: Arrays) -> Mixture:
    names = ("means", "logits", "width")
    return Mixture(*(inputs[f"mixture/{name}"] for name in names))


@compiled
def mixture(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Known denoiser, score, density, noise."""
    known = the_mixture(inputs)
    x = jnp.asarray(inputs["mixture/x"])

    def at_levels(function: Any) -> np.ndarray:
        levels = jnp.asarray(inputs["mixture/sigmas"])
        return jnp.stack([function(x, jnp.full(len(x), level)) for level in levels])

    yield "mixture/denoised", at_levels(known.denoised)
    yield "mixture/score", at_levels(known.score)
    yield "mixture/log_density", at_levels(known.log_density)
    points = jnp.asarray(inputs["flow/points"])
    rows = []
    for signal in Schedule.named("linear").alphas_cumprod[inputs["mixture/vp_t"]]:
        alpha, sigma = jnp.full(
            (2, len(points)), jnp.sqrt(jnp.stack([signal, 1 - signal]))[:, None]
        )
        clean = known.clean(points, alpha, sigma)
        rows.append((points - alpha[:, None] * clean) / sigma[:, None])
    yield "mixture/vp_noise_prediction", jnp.stack(rows)


@compiled
def sampler(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """EDM's samplers on the mixture's own denoiser."""
    oracle = spec["cases"]["oracle"]
    known = the_mixture(inputs)
    latents = jnp.asarray(inputs["mixture/latents"])
    ends = oracle["sigma_min"], oracle["sigma_max"], oracle["rho"]
    fresh = jnp.asarray(inputs["sampler/churn_noise"])
    for key in keys:
        name = key.removeprefix("sampler/")
        solver, _, steps = name.partition("_")
        if solver in ("heun", "euler"):
            sigmas = edm_samplers.levels(int(steps), *ends)
            yield (
                key,
                edm_samplers.edm_sample(
                    known.denoised, latents, sigmas, lambda i: fresh[i], solver
                ),
            )
        elif solver == "levels":
            yield key, edm_samplers.levels(int(steps), *ends)
        elif solver == "churned":
            sigmas = edm_samplers.levels(len(fresh), *ends)
            given = oracle["churn"]
            names = ("S_churn", "S_min", "S_max", "S_noise")
            churn = edm_samplers.Churn(*(given[n] for n in names))
            yield (
                key,
                edm_samplers.edm_sample(
                    known.denoised, latents, sigmas, lambda i: fresh[i], churn=churn
                ),
            )
        elif solver == "ablation":
            kind, solver = steps.split("_")
            yield key, ablation(kind, solver, oracle, known, latents)


def exact_sampler(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The end of the ODE that EDM's samplers approximate."""
    oracle = spec["cases"]["oracle"]
    known = the_mixture(inputs)
    latents = jnp.asarray(inputs["mixture/latents"])
    start, end = oracle["sigma_max"], oracle["sigma_min"]

    def slope(s: jax.Array, x: jax.Array) -> jax.Array:
        return (x - known.denoised(x, jnp.full(len(x), s))) / s

    there = exact(slope, start * latents, start, end)
    yield "sampler/exact_at_0.002", there
    yield "sampler/exact_denoised", known.denoised(there, jnp.full(len(there), end))


def ablation(kind: str, solver: str, oracle: Any, known: Mixture, latents: jax.Array) -> jax.Array:
    """EDM's general sampler, inside of the noise levels of the network."""
    lows = {"vp": edm.vp_level(1e-3), "ve": 0.02, "iddpm": 0.002}
    highs = {"vp": edm.vp_level(1.0), "ve": 100.0, "iddpm": 81.0}
    low = max(lows[kind], oracle["sigma_min"])
    high = min(highs[kind], oracle["sigma_max"])
    path, sigmas = edm_samplers.general_levels(kind, oracle["steps"][0], low, high)
    return edm_samplers.general_sample(known.denoised, latents, path, sigmas, solver)


def exact(slope: Any, start: jax.Array, first: float, last: float) -> jax.Array:
    """The end of an ODE to about 1e-12."""
    shape = start.shape
    slope = jax.jit(slope)

    def flat(t: float, x: np.ndarray) -> np.ndarray:
        return np.asarray(slope(t, x.reshape(shape))).ravel()

    found = solve_ivp(
        flat, (first, last), np.asarray(start).ravel(), "DOP853", rtol=1e-12, atol=1e-13
    )
    return jnp.asarray(found.y[:, -1].reshape(shape))


@compiled
def flow(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """Paths, conversions, and the ODE of the mixture."""
    data, noise, velocity, t = (
        jnp.asarray(inputs[f"flow/{name}"]) for name in ("data", "noise", "velocity", "t")
    )
    for path in ("linear", "gvp", "vp"):
        process = Flow(path)
        x = process.noisy(data, noise, t)
        score = process.score(velocity, x, t)
        found = {
            "x_t": x,
            "u_t": process.velocity(data, noise, t),
            "coefficients": jnp.stack([c.reshape(-1) for c in process.coefficients(t, data)]),
            "score": score,
            "noise_from_velocity": process.noise(velocity, x, t),
            "velocity_from_score": process.velocity_from_score(score, x, t),
            "loss": process.error(lambda x, told: velocity, data, noise, t),
        }
        for form in ("sigma", "linear", "SBDM"):
            found[f"diffusion_{form}"] = process.diffusion(form, t, data).reshape(-1)
        yield from ((f"flow/{path}/{name}", value) for name, value in found.items())
    known = the_mixture(inputs)
    points, latents = jnp.asarray(inputs["flow/points"]), jnp.asarray(inputs["mixture/latents"])
    times = inputs["flow/mixture_t"]
    yield (
        "flow/mixture_velocity",
        jnp.stack([known.velocity(points, jnp.full(len(points), s)) for s in times]),
    )
    for key in keys:
        if key.startswith("flow/euler_"):
            steps = int(key.removeprefix("flow/euler_"))
            yield key, samplers.flow_ode(Flow(time_scale=1.0), known.velocity, latents, steps)


def exact_flow(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """The end of the flow's ODE, just before data."""
    known = the_mixture(inputs)
    latents = jnp.asarray(inputs["mixture/latents"])

    def slope(s: jax.Array, x: jax.Array) -> jax.Array:
        return known.velocity(x, jnp.full(len(x), s))

    yield "flow/exact_at_0.9999", exact(slope, latents, 0.0, 0.9999)


@compiled
def mean_flow(spec: Any, inputs: Arrays, keys: list[str]) -> Pairs:
    """u(z, r, t) = sin(z A + r b + t e)."""
    a, b, e, z, v, r, t = (jnp.asarray(inputs[f"meanflow/{name}"]) for name in "Abezvrt")

    def u(z: jax.Array, r: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.sin(z @ a + r[:, None] * b[None] + t[:, None] * e[None])

    predicted, slope, wanted = meanflow.target(u, z, v, r[:, 0], t[:, 0])
    error = jnp.square(predicted - wanted).sum(-1)
    yield "meanflow/u", predicted
    yield "meanflow/du_dt", slope
    yield "meanflow/target", wanted
    yield "meanflow/loss", meanflow.adaptive(error).mean()


MATHS = {
    "ddpm/losses/": ddpm_losses,
    "ddpm/": lambda *given: (*ddpm_tables(*given), *ddpm_steps(*given)),
    "positions/": embeddings,
    "timestep_embedding/": embeddings,
    "guidance/": guidance,
    "edm/": edm_values,
    "fdm/": edm_values,
    "mixture/": mixture,
    "sampler/exact": exact_sampler,
    "sampler/": sampler,
    "flow/exact": exact_flow,
    "flow/": flow,
    "meanflow/": mean_flow,
}
