"""REINFORCE with a small controller, as a baseline.

Neural Architecture Search with Reinforcement Learning, https://arxiv.org/abs/1611.01578. The
controller is one table of logits for each choice: options are drawn independently, as in the later
ProxylessNAS (https://arxiv.org/abs/1812.00332). The reward is a point's value minus a running mean.
"""

import math

import numpy as np

from effjax.ranges import BelowOne, NotNegative, Positive
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen
from effjax.search.space import Point

FORGET = 0.9  # of the running averages of rewards and of their squares


@STRATEGIES.register("reinforce", "a controller draws options, and learns from what they reach")
def reinforce(
    problem: Problem,
    *,
    learning_rate: Positive = 0.3,
    entropy: NotNegative = 0.01,
    baseline: BelowOne = FORGET,
) -> Chosen | None:
    """Draws points from a distribution that moves towards those with good values.

    Args:
      problem: what is searched.
      learning_rate: of the logits, plain gradient ascent.
      entropy: what a nat of uncertainty is worth, in deviations of the reward.
      baseline: how much of the running mean of rewards stays.

    Returns:
      The best point, with the probabilities at the end in its notes.
    """
    logits = [np.zeros(len(choice.options)) for choice in problem.space.choices]
    mean, square = 0.0, 0.0
    weight = 0.0
    while problem.left >= 1:
        point = problem.propose(lambda: _draw(problem, logits))
        if point is None:
            point = problem.draw()
        if point is None:  # the whole space was seen
            break
        value = problem.evaluate(point)
        if not math.isfinite(value):
            continue  # a network that could not be trained teaches nothing
        # averages without the bias of their start at 0
        weight = baseline * weight + (1 - baseline)
        mean = baseline * mean + (1 - baseline) * value
        square = baseline * square + (1 - baseline) * value**2
        deviation = math.sqrt(max(square / weight - (mean / weight) ** 2, 0.0))
        if deviation > 0:
            reward = (value - mean / weight) / deviation
            _learn(problem, logits, point, reward, learning_rate, entropy)
    if problem.best is None:
        return None
    return Chosen(problem.best.point, notes={"probabilities": _named(problem, logits)})


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax."""
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def _draw(
    problem: Problem,
    logits: list[np.ndarray],
) -> Point:
    """A point of the controller; one that is no architecture is replaced by a random one."""
    drawn = []
    for own in logits:
        drawn.append(int(problem.rng.choice(len(own), p=probabilities(own))))
    point = tuple(drawn)
    if not problem.space.is_valid(point):
        return problem.space.sample(problem.rng)
    return problem.space.canonical(point)


def _learn(
    problem: Problem,
    logits: list[np.ndarray],
    point: Point,
    reward: float,
    learning_rate: float,
    entropy: float,
) -> None:
    """One step along reward * grad log p(point) + entropy * grad H, for choices that count."""
    idle = problem.space.is_idle(point)
    for own, index, unused in zip(logits, point, idle):
        if unused:
            continue
        p = probabilities(own)
        chosen = np.zeros(len(own))
        chosen[index] = 1.0
        uncertainty = -(p * np.log(p)).sum()
        of_entropy = -p * (np.log(p) + uncertainty)
        own += learning_rate * (reward * (chosen - p) + entropy * of_entropy)


def _named(
    problem: Problem,
    logits: list[np.ndarray],
) -> dict[str, list[float]]:
    named = {}
    for choice, own in zip(problem.space.choices, logits):
        named[choice.path] = [round(float(p), 4) for p in probabilities(own)]
    return named
