"""Length and learning rate of a training."""

from dataclasses import dataclass, replace

_PLATEAU = 0.5
"""Share of a time limit before the decay begins."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning-rate schedule: linear warm-up, a plateau, and linear decay to zero.

    The plateau can be ended at any time; the rate then decays over the next `decay_steps`.

    Attributes:
        steps: Total number of batches.
        decay_steps: Number of final steps of the decay.
        warmup_steps: Number of first steps of the warm-up.
        rate: Peak learning rate.
        weight_decay: Weight decay of AdamW.
        check_every: Steps between two validations.
        save_every_s: Maximum time between two checkpoints in seconds.
        patience: Validations on the plateau without improvement after which the decay begins; 0
            for never.
        seed: Random seed of the weights and of the batches.
        minutes: Time limit in minutes, half of it for the decay; 0 for no limit.
    """

    steps: int
    decay_steps: int
    warmup_steps: int = 200
    rate: float = 2e-3
    weight_decay: float = 0.02
    check_every: int = 400
    save_every_s: float = 120.0
    patience: int = 0
    seed: int = 1
    minutes: float = 0.0

    def decaying_from(self, step: int) -> "Schedule":
        """The schedule with its decay moved to begin at a step, if that is earlier."""
        return replace(self, steps=min(self.steps, step + self.decay_steps))

    def fitted_to_time(self, step: int, elapsed_s: float) -> "Schedule":
        """The schedule adjusted to the time limit: the decay begins after half of the time.

        A decay that has begun goes on from the rate that it has reached, faster if it would
        otherwise take longer than there is time.

        Args:
            step: Steps done so far, at least one.
            elapsed_s: Time that they took, in seconds.
        """
        limit_s = 60 * self.minutes
        if elapsed_s < _PLATEAU * limit_s or step >= self.steps:
            return self
        left = max(1, int(step / elapsed_s * max(limit_s - elapsed_s, 0)))
        steps = min(self.steps, step + left)
        if step < self.steps - self.decay_steps:
            return replace(self, steps=steps, decay_steps=steps - step)
        if steps == self.steps:
            return self
        fallen = self.decay_steps / (self.steps - step)
        return replace(self, steps=steps, decay_steps=round((steps - step) * fallen))

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of one step."""
        rise = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        left = max(self.steps - step, 0)
        fall = min(1.0, left / max(self.decay_steps, 1))
        return self.rate * rise * fall
