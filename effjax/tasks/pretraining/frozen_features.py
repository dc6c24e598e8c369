"""What features are worth: nearest neighbours, a linear probe, how many directions they use.

Shapes: N training examples, M held-out ones, C channels, K classes.
"""

import numpy as np

Array = np.ndarray
TEMPERATURE = 0.07
DECAYS = tuple(10.0**k for k in range(-4, 3))
CHUNK = 512  # held-out examples whose distances are in memory at a time
COMPARED = 1000  # examples of which all pairs are compared
NO_ANSWER = -1  # the class of features that are not finite


def neighbour_votes(
    train: Array,
    labels: Array,
    test: Array,
    classes: int,
    neighbours: int = 20,
    temperature: float = TEMPERATURE,
) -> Array:
    """[M, K]: the votes of the nearest neighbours, weighted by exp(cosine / temperature).

    As in "Unsupervised feature learning via non-parametric instance discrimination", Wu et al. 2018
    (https://arxiv.org/abs/1805.01978), and in DINO's evaluation.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].
    """
    train = unit_length(train)
    targets = np.eye(classes)[labels]  # [N, K]
    count = min(neighbours, len(train))
    pieces = max(1, len(test) // CHUNK)
    votes = []
    for chunk in np.array_split(test, pieces):
        votes.append(_votes(train, targets, chunk, count, temperature))
    return np.concatenate(votes)


def _votes(train: Array, targets: Array, test: Array, count: int, temperature: float) -> Array:
    cosine = unit_length(test) @ train.T  # [M, N]
    # not sorted: only which are the nearest counts, not their order
    order = np.argpartition(-cosine, count - 1, axis=1)
    nearest = order[:, :count]
    similarity = np.take_along_axis(cosine, nearest, 1)
    weights = np.exp(similarity / temperature)  # [M, count]
    return np.einsum("mc,mck->mk", weights, targets[nearest])


def share_in_top(scores: Array, labels: Array, count: int) -> float:
    """How often the label is among the `count` classes with the highest scores [M, K]."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = order[:, :count] == labels[:, None]
    return float(hits.any(1).mean())


def unit_length(features: Array) -> Array:
    """[N, C] with rows of length 1."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    length = np.maximum(length, 1e-12)  # features may be all zero
    return features / length


def finite_rows(features: Array) -> Array:
    """[N] bool: whether all numbers of a row are finite."""
    return np.isfinite(features).all(1)


def fit_probe(
    train: Array, labels: Array, test: Array, classes: int, seed: int = 0
) -> tuple[Array, float]:
    """[M]: the class that a linear map of the features predicts, and its weight decay.

    Least squares on one-hot targets, solved exactly; the decay among DECAYS is the one that does
    best on a fifth of the training examples, held back. Features are standardised first.

    Args:
      train: [N, C], all finite.
      labels: [N] int.
      test: [M, C]; rows that are not finite get no answer.
    """
    mean = train.mean(0)
    deviation = train.std(0) + 1e-6  # a feature may be the same for all
    x = _with_ones((train - mean) / deviation)
    one_hot = np.eye(classes, dtype=x.dtype)[labels]
    targets = one_hot - np.asarray(1 / classes, x.dtype)
    decay = _best_decay(x, targets, labels, seed)
    weights = _ridge(x, targets, (decay,))[0]
    outputs = _with_ones((test - mean) / deviation) @ weights
    finite = finite_rows(outputs)
    return np.where(finite, outputs.argmax(1), NO_ANSWER), decay


def _best_decay(x: Array, targets: Array, labels: Array, seed: int) -> float:
    """The decay whose fit on four fifths is right most often on the last fifth."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    fifth = len(x) // 5
    held_out = order[:fifth]
    fitted = order[fifth:]
    hits = []
    for weights in _ridge(x[fitted], targets[fitted], DECAYS):
        outputs = x[held_out] @ weights
        right = outputs.argmax(1) == labels[held_out]
        hits.append(right.sum())
    best = int(np.argmax(hits))  # of equals the smallest decay
    return DECAYS[best]


def _with_ones(features: Array) -> Array:
    """[N, C + 1]: the last column multiplies the bias."""
    ones = np.ones((len(features), 1), features.dtype)
    return np.concatenate([features, ones], axis=1)


def _ridge(x: Array, targets: Array, decays: tuple[float, ...]) -> list[Array]:
    """[C + 1, K] for each decay: argmin of |x w - targets|^2 / N + decay |w|^2."""
    count, columns = x.shape
    covariance = x.T @ x / count
    correlation = x.T @ targets / count
    found = []
    for decay in decays:
        penalty = decay * np.eye(columns, dtype=x.dtype)  # the bias decays too
        found.append(np.linalg.solve(covariance + penalty, correlation))
    return found


def effective_rank(features: Array) -> float:
    """exp of the entropy of the singular values: 1 is collapse, C is all directions alike.

    RankMe: Garrido et al. 2023, https://arxiv.org/abs/2210.02885.
    """
    gram = features.T.astype(np.float64) @ features.astype(np.float64)
    squares = np.linalg.eigvalsh(gram)
    singular = np.sqrt(np.maximum(squares, 0.0))
    total = singular.sum()
    if not total > 0:
        return 1.0
    shares = singular / total + 1e-7
    return float(np.exp(-np.sum(shares * np.log(shares))))


def mean_cosine(features: Array) -> float:
    """The mean |cosine| between different examples: 1 is collapse."""
    some = unit_length(features[:COMPARED].astype(np.float64))
    cosine = np.abs(some @ some.T)
    count = len(some)
    pairs = max(count * (count - 1), 1)
    return float((cosine.sum() - np.trace(cosine)) / pairs)
