"""Which of a few architectures a prompt gets: codes, balanced assignment, losses of APTP.

https://arxiv.org/abs/2406.12042. Shapes: B prompts, K codes, G gates, P numbers of a prompt.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

EPS = 1e-6  # a ratio of 0 has no logarithm


def unit(vectors: Array) -> Array:
    """[B, G] with rows of length 1."""
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def similarities(prompts: Array, codes: Array) -> Array:
    """[B, K]: cosines of the vectors of prompts [B, G] and of codes [K, G]."""
    return unit(prompts) @ unit(codes).T


def balanced(similarity: Array, temperature: float = 0.05, rounds: int = 3) -> Array:
    """[B, K]: shares of codes for each prompt, by Sinkhorn's rounds: codes get about B / K each.

    The last half of a round is by prompts: rows add up to 1 exactly, columns nearly to B / K.
    """
    count, codes = similarity.shape
    # less the largest, so that none overflows: the rounds divide by any common factor
    plan = jnp.exp((similarity - similarity.max()) / temperature)
    for _ in range(rounds):
        plan = plan / (plan.sum(0, keepdims=True) * codes)
        plan = plan / (plan.sum(1, keepdims=True) * count)
    return plan * count


def evenly(plan: Array) -> Array:
    """[B]: a code for each prompt; the numbers of prompts of two codes differ by one at most.

    The largest entry of each row alone is not balanced, even where the columns of a plan are. Here
    prompts ask for the best code that has room, and a code takes those with the largest shares,
    until all have one. In each of the first K rounds a code fills up, or nobody is left.
    """
    count, codes = plan.shape
    least = count // codes

    def give_out(round_number: Array, taken: Array) -> Array:
        """`taken` [B], the code of each prompt or -1, after one more round."""
        # what is left over when all codes are full goes to different codes, in the second K rounds
        quota = jnp.where(round_number < codes, least, least + 1)
        room = quota - jax.nn.one_hot(taken, codes, dtype=jnp.int32).sum(0)  # [K]
        has_room = room[None] > 0
        # each prompt that has none asks for one code
        best = jnp.where(has_room, plan, -jnp.inf).argmax(-1)
        is_best = jax.nn.one_hot(best, codes, dtype=bool) & has_room
        asks = is_best & (taken[:, None] < 0)  # [B, K]
        # each code takes as many as it has room for, the largest shares first
        offers = jnp.where(asks, plan, -jnp.inf)
        place = _places(-offers)
        accepted = asks & (place < room[None])
        new = accepted.argmax(-1).astype(taken.dtype)
        return jnp.where(accepted.any(-1), new, taken)

    nobody = jnp.full(count, -1, jnp.int32)
    return lax.fori_loop(0, 2 * codes, give_out, nobody)


def _places(values: Array) -> Array:
    """[B, K]: the place of each entry in its column, 0 for the least."""
    order = jnp.argsort(values, axis=0)
    return jnp.argsort(order, axis=0)


def chosen(similarity: Array, training: bool, temperature: float = 0.05, rounds: int = 3) -> Array:
    """[B]: the code of each prompt: in training by balanced shares, else the most similar one."""
    if training:
        return balanced(similarity, temperature, rounds).argmax(-1)
    return similarity.argmax(-1)


def select(gates: Array, similarity: Array, index: Array, straight_through: bool = True) -> Array:
    """[B, G]: the gates of the chosen codes.

    Args:
      gates: [K, G].
      similarity: [B, K].
      index: [B].
      straight_through: as if gates were mixed by a softmax of the similarities when gradients are
        taken. In the authors' program the gates are looked up, so that no gradient of the
        network's loss reaches the router: its prompts learn by the contrastive loss alone.
    """
    picked = gates[index]
    if not straight_through:
        return picked
    mixed = jax.nn.softmax(similarity, axis=-1) @ lax.stop_gradient(gates)
    return picked + mixed - lax.stop_gradient(mixed)


def contrastive(
    prompts: Array,
    vectors: Array,
    prompt_temperature: float = 0.03,
    vector_temperature: float = 0.03,
) -> Array:
    """How differently prompts and their architectures are alike: a mean cross-entropy.

    Args:
      prompts: [B, P].
      vectors: [B, G], see `gates.comparable`.
    """
    wanted = _alike(prompts, prompt_temperature)
    found = _alike(vectors, vector_temperature)
    # logarithms no lower than -100, as binary_cross_entropy of PyTorch has it
    yes = jnp.maximum(jnp.log(found), -100.0)
    no = jnp.maximum(jnp.log1p(-found), -100.0)
    return -(wanted * yes + (1 - wanted) * no).mean()


def _alike(vectors: Array, temperature: float) -> Array:
    """[B, B]: softmax over the cosines of each with all."""
    return jax.nn.softmax(similarities(vectors, vectors) / temperature, axis=-1)


def resource_loss(ratio: Array, target: float) -> Array:
    """|log(ratio / target)|: a ratio of multiply-adds too high or too low."""
    return jnp.abs(jnp.log(jnp.maximum(ratio, EPS) / target))


def prunable_target(target: float, prunable: float, total: float) -> float:
    """The share of the prunable multiply-adds that leaves `target` of all of them."""
    return 1 - (1 - target) * total / prunable


def spread_losses(ratios: Array) -> tuple[Array, Array]:
    """Rewards for experts of different size: -std of the ratios [B], and 1 - the largest one."""
    variance = jnp.var(ratios, ddof=1)
    differ = variance > 0
    # a root's gradient is infinite at 0, where all codes stand at the start: it is taken of 1 there
    root = jnp.sqrt(jnp.where(differ, variance, 1.0))
    deviation = jnp.where(differ, root, 0.0)
    return -deviation, 1 - ratios.max()
