"""What features are worth: nearest neighbours and a linear classifier on frozen ones.

Shapes: N training examples, M held-out ones, C channels, K classes.
"""

import numpy as np

TEMPERATURE = 0.07
DECAYS = tuple(10.0**k for k in range(-4, 3))


def knn(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, classes: int, neighbours: int = 20
) -> np.ndarray:
    """[M]: the class that the nearest neighbours vote for, weighted by exp(cosine / 0.07).

    As in "Unsupervised feature learning via non-parametric instance discrimination", Wu et al. 2018
    (https://arxiv.org/abs/1805.01978).

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].
    """
    train, test = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (train, test)
    )
    count = min(neighbours, len(train))
    said = []
    for part in np.array_split(test, max(1, len(test) // 512)):
        cosine = part @ train.T
        near = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        weights = np.exp(np.take_along_axis(cosine, near, 1) / TEMPERATURE)
        votes = np.zeros((len(part), classes))
        np.add.at(votes, (np.arange(len(part))[:, None], labels[near]), weights)
        said.append(votes.argmax(1))
    return np.concatenate(said)


def linear_probe(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, classes: int, seed: int = 0
) -> tuple[np.ndarray, float]:
    """[M]: the class that a linear map of the features says, and its weight decay.

    Least squares on one-hot targets, solved exactly; the decay among DECAYS is the one that does
    best on a fifth of the training examples, held back. Features are standardised first.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].
    """
    mean, std = train.mean(0), train.std(0) + 1e-6
    train, test = (np.c_[(x - mean) / std, np.ones(len(x))] for x in (train, test))
    targets = np.eye(classes)[labels] - 1 / classes
    order = np.random.default_rng(seed).permutation(len(train))
    held, kept = order[: len(train) // 5], order[len(train) // 5 :]
    scores = [
        ((train[held] @ _ridge(train[kept], targets[kept], decay)).argmax(1) == labels[held]).mean()
        for decay in DECAYS
    ]
    decay = DECAYS[int(np.argmax(scores))]
    return (test @ _ridge(train, targets, decay)).argmax(1), decay


def _ridge(x: np.ndarray, targets: np.ndarray, decay: float) -> np.ndarray:
    """[C + 1, K]: argmin of |x w - targets|^2 / N + decay |w|^2."""
    square = x.T @ x / len(x) + decay * np.eye(x.shape[1])
    return np.linalg.solve(square, x.T @ targets / len(x))
