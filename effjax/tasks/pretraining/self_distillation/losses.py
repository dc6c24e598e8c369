"""How far a student's crops are from a teacher's: DINO, iBOT, Mugs, DINOv2, I-JEPA.

DINO: https://arxiv.org/abs/2104.14294. Mugs: https://arxiv.org/abs/2203.14415. DINOv2:
https://arxiv.org/abs/2304.07193. I-JEPA: https://arxiv.org/abs/2301.08243.

A loss of pairs is [T, V, B]: of teacher crop t and student crop v of each example. The teacher's
crops are the first of the student's, in this order.

Shapes: B batch, T crops of the teacher, V of the student, K outputs, D channels, N patches, Q
entries of a queue.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

KOLEO_EPS = 1e-8
NORM_EPS = 1e-5  # in the deviation of a target

# ---------------------------------------------------------------------------------- pairs


def cross_entropies(student: Array, teacher: Array) -> Array:
    """Pairs [T, V, B] of probabilities [T, B, K] and logits [V, B, K], already at temperature."""
    log_student = jax.nn.log_softmax(student)
    return -jnp.einsum("tbk,vbk->tvb", teacher, log_student)


def info_nce(student: Array, teacher: Array, queue: Array, temperature: float) -> Array:
    """Pairs [T, V, B]: how well a crop is told from a queue [Q, D], of unit features.

    Args:
      student: [V, B, D].
      teacher: [T, B, D].
    """
    scaled = student / temperature
    positive = jnp.einsum("vbd,tbd->tvb", scaled, teacher)
    negative = jnp.einsum("vbd,qd->vbq", scaled, queue)
    of_queue = jax.nn.logsumexp(negative, axis=-1)  # [V, B]
    whole = jnp.logaddexp(positive, of_queue[None])
    return whole - positive


def is_other(pairs: Array) -> Array:
    """[T, V]: 0 where teacher and student have the same crop, which is no task."""
    teacher, student = pairs.shape[:2]
    return 1 - jnp.eye(teacher, student, dtype=pairs.dtype)


def mean_of_pairs(pairs: Array) -> Array:
    """[B]: the mean over the pairs of different crops. DINO."""
    weights = is_other(pairs)
    total = jnp.einsum("tvb,tv->b", pairs, weights)
    return total / weights.sum()


def mean_of_halves(pairs: Array, large: int = 2) -> Array:
    """[B]: half the mean over pairs of large crops, half that over pairs with small ones. Mugs.

    Without small crops it is the mean over the large ones.
    """
    whole = mean_of_pairs(pairs[:, :large])
    if pairs.shape[1] == large:
        return whole
    small = pairs[:, large:].mean((0, 1))
    return 0.5 * (whole + small)


# -------------------------------------------------------------------------- teacher's side


def sharpened(logits: Array, centre: Array | float, temperature: Array | float) -> Array:
    """The teacher's probabilities [..., K]: softmax((t - c) / T), with a centre [K] or 0."""
    leading = (1,) * (logits.ndim - 1)
    offset = jnp.asarray(centre, logits.dtype)
    offset = offset.reshape(*leading, -1)  # [K] -> [1, ..., K]
    shares = jax.nn.softmax((logits - offset) / temperature)
    return lax.stop_gradient(shares)


def sinkhorn(
    logits: Array,
    temperature: Array | float,
    valid: Array | None = None,
    axis: str | None = None,
    rounds: int = 3,
) -> Array:
    """The teacher's probabilities [R, K] with equal shares of all outputs, in place of a centre.

    Args:
      logits: [R, K], one row for each crop of each example.
      valid: [R], rows that count; None: all.
      axis: the pmap axis over which the batch is divided.
    """
    scaled = logits / temperature
    # a common factor changes nothing: the largest becomes 1
    largest = scaled.max()
    if axis is not None:
        largest = lax.pmax(largest, axis)
    shares = jnp.exp(scaled - largest)
    if valid is not None:
        shares *= valid[:, None]
    outputs = logits.shape[1]
    smallest = jnp.finfo(shares.dtype).tiny
    for _ in range(rounds):
        # every output gets as much
        of_output = _total(shares.sum(0), axis)
        # an output that nothing chooses has no share to scale
        of_output = jnp.maximum(of_output, smallest)
        shares = shares / of_output[None] / outputs
        # and every row gives as much; padding gives nothing
        of_row = shares.sum(1, keepdims=True)
        of_row = jnp.where(of_row > 0, of_row, 1.0)
        shares = shares / of_row
    return lax.stop_gradient(shares)


def moved_centre(
    centre: Array, logits: Array, valid: Array, momentum: float, axis: str | None = None
) -> Array:
    """c <- m c + (1 - m) mean of the teacher's logits, over all crops of the global batch.

    Args:
      centre: [K].
      logits: [T, B, K].
      valid: [B]; a batch without a valid example leaves the centre as it is.
    """
    crops = logits.shape[0]
    count = crops * _total(valid.sum(), axis)
    own_total = jnp.einsum("tbk,b->k", logits, valid)
    mean = _total(own_total, axis) / jnp.maximum(count, 1.0)
    moved = momentum * centre + (1 - momentum) * mean
    return jnp.where(count > 0, moved, centre)


def _total(x: Array, axis: str | None) -> Array:
    return x if axis is None else lax.psum(x, axis)


def entropy(probabilities: Array) -> Array:
    """[...]: of distributions [..., K], in nats; log K is uniform, 0 one output alone."""
    return jax.scipy.special.entr(probabilities).sum(-1)


# ------------------------------------------------------------------------------- on request


def koleo(features: Array, others: Array, own: Array) -> Array:
    """[B]: minus the log of the distance to the nearest other example of the batch. DINOv2.

    Args:
      features: [B, D], made unit here.
      others: [G, D], those of the global batch, `features` among them.
      own: bool [B, G], whether it is the example itself, or none.
    """
    mine = _unit(features)
    theirs = _unit(others)
    cosine = mine @ theirs.T  # [B, G]
    cosine = jnp.where(own, -jnp.inf, cosine)
    # which one is nearest is no function that has a gradient
    number = lax.stop_gradient(cosine).argmax(1)
    gap = mine - theirs[number] + KOLEO_EPS
    square = jnp.square(gap).sum(-1)
    return -jnp.log(jnp.sqrt(square) + KOLEO_EPS)


def _unit(x: Array) -> Array:
    square = jnp.square(x).sum(-1, keepdims=True)
    length = jnp.sqrt(square)
    return x / jnp.maximum(length, KOLEO_EPS)


def patch_loss(student: Array, teacher: Array, hidden: Array, temperature: float) -> Array:
    """[B]: cross-entropy of the hidden patches, their mean in each image; 0 without any. iBOT.

    Args:
      student: logits [B, N, K].
      teacher: probabilities [B, N, K] of the patches that the teacher saw.
      hidden: [B, N].
    """
    log_student = jax.nn.log_softmax(student / temperature)
    losses = -(teacher * log_student).sum(-1)  # [B, N]
    total = (losses * hidden).sum(-1)
    count = hidden.sum(-1)
    return total / jnp.maximum(count, 1.0)


def feature_loss(predicted: Array, target: Array) -> Array:
    """[...]: smooth L1 to the layer-normed target [..., D], its mean over channels. I-JEPA."""
    mean = target.mean(-1, keepdims=True)
    centred = target - mean
    variance = jnp.square(centred).mean(-1, keepdims=True)
    wanted = centred / jnp.sqrt(variance + NORM_EPS)
    gap = jnp.abs(predicted - wanted)
    near = 0.5 * jnp.square(gap)
    far = gap - 0.5
    return jnp.where(gap < 1, near, far).mean(-1)
