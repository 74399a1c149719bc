"""Training with `model.fit`: schedules, losses, optimizers, callbacks."""

from kzoo.training.best_preset import BestPreset
from kzoo.training.compiling import compile_classifier
from kzoo.training.finite_loss import RequireFiniteLoss
from kzoo.training.history_log import HistoryLog, read_history
from kzoo.training.interruption import InterruptBetweenSteps
from kzoo.training.losses import SmoothedSparseCrossentropy
from kzoo.training.optimizers import adamw
from kzoo.training.progress import Progress
from kzoo.training.schedules import WarmupDecay
from kzoo.training.stop_at_step import StopAtStep
from kzoo.training.strategies import strategy
from kzoo.training.tensorboard_log import TensorBoardLog
from kzoo.training.throughput_log import ThroughputLog

__all__ = [
    "BestPreset",
    "HistoryLog",
    "InterruptBetweenSteps",
    "Progress",
    "RequireFiniteLoss",
    "SmoothedSparseCrossentropy",
    "StopAtStep",
    "TensorBoardLog",
    "ThroughputLog",
    "WarmupDecay",
    "adamw",
    "compile_classifier",
    "read_history",
    "strategy",
]
