"""Learning-rate schedules."""

import math

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks

DECAYS = ("linear", "cosine", "constant", "inverse-sqrt")


@keras.saving.register_keras_serializable(package="kzoo")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rise in a line to the peak, then decay to the end.

    ```
    step < warmup:  peak * (step + 1) / warmup
    after:          end + (peak - end) * decay(progress),  progress in [0, 1]
    linear: 1 - progress;   cosine: (1 + cos(pi * progress)) / 2;   constant: 1
    inverse-sqrt: sqrt(warmup / (step + 1))
    ```

    The last is that of the Transformer: it knows no end, and `total_steps` plays no
    part in it. Vaswani et al. have the peak at (hidden_dim * warmup)^-0.5.

    Args:
        peak: The greatest learning rate.
        total_steps: After how many steps the end is reached.
        warmup_steps: How many steps the rise takes.
        decay: `"linear"`, `"cosine"`, `"constant"` or `"inverse-sqrt"`.
        end: The last learning rate, or what an inverse root tends to.

    Raises:
        InputError: If the decay is unknown, or the warm-up is not shorter than all.

    Example:
        >>> schedule = WarmupDecay(0.1, total_steps=20, warmup_steps=10)
        >>> [round(float(schedule(step)), 3) for step in (0, 9, 15, 20)]
        [0.01, 0.1, 0.05, 0.0]

    Reference:
        Devlin et al. 2018, arXiv:1810.04805, appendix A.2; Loshchilov and Hutter
        2016, arXiv:1608.03983, for the cosine; Vaswani et al. 2017,
        arXiv:1706.03762, section 5.3, for the inverse root.
    """

    def __init__(
        self,
        peak: float,
        *,
        total_steps: int,
        warmup_steps: int = 0,
        decay: str = "linear",
        end: float = 0.0,
    ):
        super().__init__()
        checks.positive(total_steps=total_steps)
        checks.one_of(DECAYS, decay=decay)
        if not 0 <= warmup_steps < total_steps:
            raise InputError(
                "The warm-up is shorter than the training.",
                f"warmup_steps={warmup_steps}, total_steps={total_steps}",
                "Shorten the warm-up, or train longer.",
            )
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.end = end

    def __call__(self, step):
        """Return the learning rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        rest = max(self.total_steps - self.warmup_steps, 1)
        progress = ops.clip((step - self.warmup_steps) / rest, 0.0, 1.0)
        factor = {
            "linear": lambda: 1.0 - progress,
            "cosine": lambda: 0.5 * (1.0 + ops.cos(math.pi * progress)),
            "constant": lambda: ops.ones_like(progress),
            "inverse-sqrt": lambda: ops.sqrt(
                max(self.warmup_steps, 1) / ops.maximum(step + 1.0, 1.0)
            ),
        }[self.decay]()
        decayed = self.end + (self.peak - self.end) * factor
        rising = self.peak * (step + 1.0) / max(self.warmup_steps, 1)
        return ops.where(step < self.warmup_steps, rising, decayed)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay": self.decay,
            "end": self.end,
        }
