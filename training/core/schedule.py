"""How long and how fast a training learns."""

from dataclasses import dataclass, replace

_PLATEAU = 0.5
"""Share of a limited time that the rate stays up."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn: warm-up, a plateau, a decay to nothing.

    The plateau can be ended at any time: the rate then falls over the next `decay_steps`.

    Attributes:
        steps: Total number of batches.
        decay_steps: How many of them, at the end, the rate falls in.
        warmup_steps: How many of them, at the start, it rises in.
        rate: Peak learning rate.
        weight_decay: Weight decay of AdamW.
        check_every: Steps between two measurements.
        save_every_s: Seconds between two checkpoints at most.
        patience: Measurements on the plateau without a better metric after which the decay begins
            at once; 0 never does so.
        seed: Random seed of the weights and of the batches.
        minutes: Time for all of it at most, the decay being half of it; 0 for no limit.
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

    def ending_after(self, step: int) -> "Schedule":
        """The schedule whose decay begins at a step, unless its own begins earlier."""
        return replace(self, steps=min(self.steps, step + self.decay_steps))

    def in_time(self, step: int, elapsed_s: float) -> "Schedule":
        """The schedule that ends in time, which begins its decay when half of the time is over.

        Args:
            step: Steps made, at least one.
            elapsed_s: What they took.
        """
        limit_s = 60 * self.minutes
        if elapsed_s < _PLATEAU * limit_s or step >= self.steps - self.decay_steps:
            return self
        left = max(1, int(step / elapsed_s * max(limit_s - elapsed_s, 0)))
        steps = min(self.steps, step + left)
        return replace(self, steps=steps, decay_steps=steps - step)

    def rate_at(self, step: int) -> float:
        """The learning rate of one step."""
        rise = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        left = max(self.steps - step, 0)
        fall = min(1.0, left / max(self.decay_steps, 1))
        return self.rate * rise * fall
