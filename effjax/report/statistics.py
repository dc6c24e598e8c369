"""How sure a comparison is: bootstrap intervals, paired tests, the expected best of k trials.

Random numbers come from fixed seeds, so the same rows give the same report.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Floats = Sequence[float]
Array = np.ndarray
RESAMPLES = 2000  # 50 of them lie beyond each end of a 95 % interval
EXACT = 1 << 14  # sign patterns that are all looked at; beyond, as many are drawn


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that holds it at a given level, 0.95 unless said otherwise."""

    estimate: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside."""
        return self.low <= value <= self.high


def bootstrap(
    groups: Sequence[Floats],
    statistic: Callable[[Sequence[Array]], float] | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """A percentile bootstrap interval; values are redrawn inside each group.

    Args:
      groups: for instance for each workload the values of its seeds; empty groups are left out.
      statistic: of the list of groups; None: the mean over groups of each group's mean.
      level: the share of resampled statistics inside the interval.

    Returns:
      The statistic of the values themselves and the interval; NaN if there are no values, from
      minus to plus infinity around the mean of a single one.
    """
    arrays = [np.asarray(group, float) for group in groups if len(group)]
    if not arrays:
        return Interval(math.nan, math.nan, math.nan)
    if statistic is None:
        if sum(len(a) for a in arrays) == 1:  # one value says nothing of the spread
            return Interval(float(arrays[0][0]), -math.inf, math.inf)
        return _bootstrap_mean(arrays, level, resamples, seed)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        resampled = [a[rng.integers(len(a), size=len(a))] for a in arrays]
        drawn.append(statistic(resampled))
    return _percentiles(float(statistic(arrays)), drawn, level)


def _bootstrap_mean(arrays: list[Array], level: float, resamples: int, seed: int) -> Interval:
    """The default statistic, all resamples at a time, which is much faster."""
    rng = np.random.default_rng(seed)
    pools = [(a, 1) for a in arrays if len(a) > 1]  # (values, groups that they stand for)
    # groups of one value are redrawn together: each alone would always be drawn as itself
    singles = [a for a in arrays if len(a) == 1]
    if singles:
        pools.append((np.concatenate(singles), len(singles)))
    means = np.zeros(resamples)
    for values, groups in pools:
        picked = rng.integers(len(values), size=(resamples, len(values)))
        means += values[picked].mean(1) * groups / len(arrays)
    estimate = float(np.mean([a.mean() for a in arrays]))
    return _percentiles(estimate, means, level)


def _percentiles(estimate: float, drawn: Floats, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))


def t_interval(values: Floats, level: float = 0.95) -> Interval:
    """Student's interval for the mean of a few values (seeds); as wide as it must be for two."""
    a = np.asarray(values, float)
    mean = float(a.mean()) if len(a) else math.nan
    if len(a) < 2:  # one value says nothing of the spread
        return Interval(mean, -math.inf, math.inf)
    from scipy.stats import t

    standard_error = a.std(ddof=1) / math.sqrt(len(a))
    half = float(t.ppf((1 + level) / 2, len(a) - 1) * standard_error)
    return Interval(mean, mean - half, mean + half)


def sign_flip_test(differences: Floats, seed: int = 0) -> float:
    """The two-sided p-value of paired differences under "each might as well have the other sign".

    Exact over all 2^n patterns up to n = 14, else over drawn ones. The smallest possible value is
    2 / 2^n: three seeds alone can never be significant at 5 %, six can.
    """
    # a difference of 0 is the same with either sign and tells nothing
    d = np.asarray([value for value in differences if value != 0], float)
    if len(d) == 0:
        return 1.0
    # a sum in another order may come out smaller by rounding, and is as extreme all the same
    observed = abs(d.sum()) * (1 - 1e-12)
    if 2 ** len(d) <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=len(d))))
        extreme = np.abs(signs @ d) >= observed
        return float(extreme.mean())
    signs = np.random.default_rng(seed).choice((1, -1), size=(EXACT, len(d)))
    extreme = np.abs(signs @ d) >= observed
    # the observed pattern counts as one of those drawn, so that p is never 0
    return float((extreme.sum() + 1) / (EXACT + 1))


def pooled_deviation(groups: Sequence[Floats]) -> tuple[float, int]:
    """(standard deviation, degrees of freedom) that groups of repetitions have in common.

    The spread over seeds of every setting tells how far a single mean can be trusted.
    """
    # a group of one has no spread of its own
    arrays = [np.asarray(group, float) for group in groups if len(group) > 1]
    freedom = sum(len(a) - 1 for a in arrays)
    if not freedom:
        return math.nan, 0
    squares = math.fsum(float(np.square(a - a.mean()).sum()) for a in arrays)
    return math.sqrt(squares / freedom), freedom


@dataclass(frozen=True)
class Comparison:
    """One solver against another.

    Attributes:
      ratio: geometric mean of reference / solver: above 1 the solver is faster.
      p: of the sign-flip test over all pairs.
      verdict: "faster", "slower", "not distinguishable" or "no pairs".
      pairs: how many.
      student: Student's interval of the ratio over all pairs, for those of one workload: as wide as
        it must be for a few seeds.
    """

    ratio: Interval
    p: float
    verdict: str
    pairs: int
    student: Interval


def compare_paired(
    solver: Mapping[str, Floats],
    reference: Mapping[str, Floats],
    *,
    missed: Mapping[str, float],
    level: float = 0.95,
) -> Comparison:
    """Times of two solvers, paired by workload and seed.

    Args:
      solver, reference: workload -> time to target of each seed, in the same order of seeds.
      missed: workload -> the time that stands for a miss. A pair in which both missed is left out;
        a pair with one miss counts with this time, a bound that favours the one that missed.

    Returns:
      The verdict asks for both: the interval of the ratio does not hold 1, and p <= 1 - level.
    """
    groups: list[list[float]] = []
    for workload, own_times in solver.items():
        logs = _log_ratios(own_times, reference.get(workload, ()), missed[workload])
        if logs:
            groups.append(logs)
    if not groups:
        nothing = Interval(math.nan, math.nan, math.nan)
        return Comparison(nothing, 1.0, "no pairs", 0, nothing)
    # in logarithms, so that twice as fast and twice as slow cancel
    ratio = _of_logarithms(bootstrap(groups, level=level))
    pairs = list(itertools.chain.from_iterable(groups))
    student = _of_logarithms(t_interval(pairs, level))
    p = sign_flip_test(pairs)
    # both are asked: the bootstrap of few pairs is too narrow, the test ignores the workloads
    if ratio.holds(1.0) or p > 1 - level:
        verdict = "not distinguishable"
    else:
        verdict = "faster" if ratio.estimate > 1 else "slower"
    return Comparison(ratio, p, verdict, len(pairs), student)


def _of_logarithms(mean: Interval) -> Interval:
    """The interval of a ratio from that of its logarithm; of one pair it is 0 to infinity."""
    high = math.inf if mean.high == math.inf else math.exp(mean.high)
    return Interval(math.exp(mean.estimate), math.exp(mean.low), high)


def _log_ratios(own_times: Floats, base_times: Floats, bound: float) -> list[float]:
    """log(reference / solver) of each pair of times of which at least one is finite."""
    logs = []
    for own, base in zip(own_times, base_times):
        if math.isfinite(own) or math.isfinite(base):
            logs.append(math.log(min(base, bound) / min(own, bound)))
    return logs


def expected_best(values: Floats, k: int, lower_is_better: bool) -> float:
    """The expected best of k trials drawn with replacement from the `values` of n trials.

    With x_(1) <= ... <= x_(n) from worst to best: sum over i of x_(i) [(i/n)^k - ((i-1)/n)^k]
    (Dodge et al., "Show Your Work", https://arxiv.org/abs/1909.03004). A trial that failed is the
    worst possible value; give it as such.
    """
    ordered = np.sort(np.asarray(values, float))
    if lower_is_better:
        ordered = ordered[::-1]
    n = len(ordered)
    if n == 0:
        return math.nan
    # (i / n)^k is the probability that the best of k is among the i worst
    probabilities = (np.arange(n + 1) / n) ** k
    return float(ordered @ np.diff(probabilities))


def expected_best_interval(
    values: Floats, k: int, lower_is_better: bool, resamples: int = 500, seed: int = 0
) -> Interval:
    """`expected_best` with a bootstrap interval over the trials."""

    def statistic(groups: Sequence[Array]) -> float:
        return expected_best(groups[0], k, lower_is_better)

    return bootstrap([values], statistic, resamples=resamples, seed=seed)
