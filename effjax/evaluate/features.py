"""What features are worth: nearest neighbours and a linear classifier on frozen ones.

Shapes: N training examples, M held-out ones, C channels, K classes.
"""

import numpy as np

from effjax.evaluate.scores import NO_ANSWER, check_labels

Array = np.ndarray
TEMPERATURE = 0.07
DECAYS = tuple(10.0**k for k in range(-4, 3))
CHUNK = 512  # held-out examples whose distances are in memory at a time


def knn(
    train: Array,
    labels: Array,
    test: Array,
    classes: int,
    neighbours: int = 20,
) -> Array:
    """[M]: the class that the nearest neighbours vote for, weighted by exp(cosine / 0.07).

    As in "Unsupervised feature learning via non-parametric instance discrimination", Wu et al. 2018
    (https://arxiv.org/abs/1805.01978). Features that are not finite neither vote nor get an answer.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].

    Raises:
      UserError: labels that are no class.
    """
    check_labels(labels, classes)
    finite = _finite_rows(train)
    train = _unit_length(train[finite])
    one_hot = np.eye(classes)
    targets = one_hot[labels[finite]]  # [N, K]
    if not len(train):
        return np.full(len(test), NO_ANSWER)
    count = min(neighbours, len(train))
    pieces = max(1, len(test) // CHUNK)
    answers = []
    for chunk in np.array_split(test, pieces):
        answers.append(_vote(train, targets, chunk, count))
    return np.concatenate(answers)


def _vote(train: Array, targets: Array, test: Array, count: int) -> Array:
    """[M]: the class with the most weight among the `count` nearest training examples."""
    cosine = _unit_length(test) @ train.T  # [M, N]
    # not sorted: only which are the nearest counts, not their order
    order = np.argpartition(-cosine, count - 1, axis=1)
    nearest = order[:, :count]
    similarity = np.take_along_axis(cosine, nearest, 1)
    weights = np.exp(similarity / TEMPERATURE)  # [M, count]
    votes = np.einsum("mc,mck->mk", weights, targets[nearest])
    # a vector with NaN is similar to none, and its votes say nothing
    finite = _finite_rows(test)
    return np.where(finite, votes.argmax(1), NO_ANSWER)


def _unit_length(features: Array) -> Array:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    length = np.maximum(length, 1e-12)  # features may be all zero
    return features / length


def _finite_rows(features: Array) -> Array:
    """[N] bool: whether all numbers of a row are finite."""
    return np.isfinite(features).all(1)


def linear_probe(
    train: Array,
    labels: Array,
    test: Array,
    classes: int,
    seed: int = 0,
) -> tuple[Array, float]:
    """[M]: the class that a linear map of the features predicts, and its weight decay.

    Least squares on one-hot targets, solved exactly; the decay among DECAYS is the one that does
    best on a fifth of the training examples, held back. Features are standardised first; those that
    are not finite are left out of the fit and get no answer.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].

    Raises:
      UserError: labels that are no class.
    """
    check_labels(labels, classes)
    finite = _finite_rows(train)
    train, labels = train[finite], labels[finite]
    if not len(train):
        return np.full(len(test), NO_ANSWER), DECAYS[0]
    mean = train.mean(0)
    deviation = train.std(0) + 1e-6  # a feature may be the same for all
    x = _with_ones((train - mean) / deviation)
    one_hot = np.eye(classes)[labels]
    targets = one_hot - 1 / classes
    decay = _best_decay(x, targets, labels, seed)
    weights = _ridge(x, targets, decay)
    x_test = _with_ones((test - mean) / deviation)
    outputs = x_test @ weights
    finite = _finite_rows(outputs)
    answers = np.where(finite, outputs.argmax(1), NO_ANSWER)
    return answers, decay


def _best_decay(x: Array, targets: Array, labels: Array, seed: int) -> float:
    """The decay whose fit on four fifths is right most often on the last fifth."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    fifth = len(x) // 5
    held_out = order[:fifth]
    fitted = order[fifth:]
    hits = []
    for decay in DECAYS:
        weights = _ridge(x[fitted], targets[fitted], decay)
        outputs = x[held_out] @ weights
        right = outputs.argmax(1) == labels[held_out]
        hits.append(right.sum())
    best = int(np.argmax(hits))  # of equals the smallest decay
    return DECAYS[best]


def _with_ones(features: Array) -> Array:
    """[N, C + 1]: the last column multiplies the bias."""
    return np.c_[features, np.ones(len(features))]


def _ridge(x: Array, targets: Array, decay: float) -> Array:
    """[C + 1, K]: argmin of |x w - targets|^2 / N + decay |w|^2."""
    count, columns = x.shape
    penalty = decay * np.eye(columns)  # the bias decays too
    covariance = x.T @ x / count
    return np.linalg.solve(covariance + penalty, x.T @ targets / count)
