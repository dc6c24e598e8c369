"""What is due at a step: pure functions of the step, known before anything is computed.

Step i stands for what is true after i updates. There the loop, in this order,

1. knows whether update i was finite,
2. calls the task's hook `between`,
3. evaluates,
4. saves,
5. makes update i + 1.
"""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Resumed:
    """Where a run begins, and what the run before it has done at this very step.

    Attributes:
      step: the number of updates made.
      evaluated: names of the evaluations whose rows are there.
      between: whether the hook was called.
    """

    step: int = 0
    evaluated: frozenset[str] = frozenset()
    between: bool = False


@dataclasses.dataclass(frozen=True)
class Due:
    """What is due at one step.

    Attributes:
      between: the task's hook.
      evaluate: names of evaluations.
      save: the state.
      last: no further update is made.
      curvature: the columns on the landscape.
    """

    between: bool
    evaluate: tuple[str, ...]
    save: bool
    last: bool
    curvature: bool = False

    @property
    def halts(self) -> bool:
        """Whether the loop waits for the last update."""
        return self.between or self.save or self.curvature or bool(self.evaluate)


@dataclasses.dataclass(frozen=True)
class Agenda:
    """The durations of a run in steps; None: never, but for the last step.

    Attributes:
      total: of the whole run.
      evaluate_every: {name of an evaluation: its period}.
      save_every, between_every: periods.
      log_every: of the rows of training metrics.
      save_at: a step at which the state is saved too, whatever the period.
      curvature_every: of the columns on the landscape.
      norms_every: of the columns of norms by layer.
      resumed: where the run begins.
    """

    total: int
    evaluate_every: Mapping[str, int | None]
    save_every: int | None
    log_every: int
    between_every: int | None = None
    resumed: Resumed = Resumed()
    save_at: int | None = None
    curvature_every: int | None = None
    norms_every: int | None = None

    def at(
        self, step: int, interrupted: bool = False, ended: bool = False, retries: bool = False
    ) -> Due:
        """What is due after `step` updates.

        Args:
          interrupted: the run is asked to stop: it saves and does nothing else.
          ended: the task wants no further update.
          retries: a save that failed is to be tried again.
        """
        last = ended or step == self.total
        if interrupted:
            # little time is left: what is not done now is done where the run goes on
            return Due(between=False, evaluate=(), save=self._is_new(step), last=last)
        evaluations = self._evaluations(step, last)
        is_planned = is_due(step, self.save_every) or step == self.save_at
        asked = last or retries or is_planned
        # a state that was loaded is not saved again, unless an evaluation is made up for
        save = asked and (self._is_new(step) or bool(evaluations))
        curvature = is_due(step, self.curvature_every) and self._is_new(step)
        return Due(self._between(step), evaluations, save, last, curvature)

    def may_end(self, step: int) -> bool:
        """Whether the task is asked if it wants no further update: where an evaluation is due."""
        if step == self.total:
            return False
        # asking waits for the device, so it is not done at every step
        return any(is_due(step, every) for every in self.evaluate_every.values())

    def logs(self, step: int) -> bool:
        """Whether the metrics of update `step` become a row."""
        return step % self.log_every == 0 or step == self.total

    def logs_norms(self, step: int) -> bool:
        """Whether the norms of update `step`, by layer, become columns."""
        return is_due(step, self.norms_every)

    def _is_new(self, step: int) -> bool:
        return step > self.resumed.step

    def _evaluations(self, step: int, last: bool) -> tuple[str, ...]:
        names = []
        for name, every in self.evaluate_every.items():
            # the run before this one may have been interrupted between two evaluations of a step
            done = not self._is_new(step) and name in self.resumed.evaluated
            if (last or is_due(step, every)) and not done:
                names.append(name)
        return tuple(names)

    def _between(self, step: int) -> bool:
        if not self.between_every:
            return False
        done = not self._is_new(step) and self.resumed.between
        # step 0 included: the first updates need what the hook makes
        return step % self.between_every == 0 and not done


def is_due(step: int, every: int | None) -> bool:
    """Whether a period ends at `step`; never before the first update."""
    return bool(every) and step > 0 and step % every == 0
