"""Training steps that leave no trace where a loss or a gradient is not finite."""

import functools
import math
import threading

import keras
from keras import ops

from kzoo.training import gradient_norms, torch_norms
from kzoo.training.skipped_steps import SkippedSteps
from kzoo.training.step_clock import StepClock


class FiniteStep:
    """A model's `train_step` that is not taken where its numbers are not finite.

    A step is lost if its loss or a gradient is infinite or no number, or the norm by
    which gradients are clipped as they are (`clip_limit`). Then weights, optimizer
    (slots, averages, accumulated gradients, its count of steps), metrics and the
    statistics that layers keep are what they were; random states alone move on. The
    choice is made on the device and nothing waits for it, save on PyTorch, where one
    flag is read before the optimizer runs.

    Under float16, gradients that overflow at the scale of the loss are no lost steps:
    `LossScaleOptimizer` leaves them out itself and halves the scale. They are lost
    once the scale is down to one.

    Over several replicas a step is lost for all where it is for one.

    Args:
        model: A compiled model.
        skipped: Counts the lost steps; among `model.metrics`.

    Attributes:
        clock: On TensorFlow, what times the wait for batches; None on others.
    """

    def __init__(self, model: keras.Model, skipped: SkippedSteps) -> None:
        self.model = model
        self.skipped = skipped
        self._step = model.train_step
        self._small: list | None = None  # what a step assigns, once asked for
        self._small_of: tuple = ()  # the compiled metrics and loss among them
        self._replica = threading.local()  # TensorFlow runs replicas in threads
        backend = keras.backend.backend()
        self._take = {
            "jax": self._on_jax,
            "tensorflow": self._on_tensorflow,
            "torch": self._on_torch,
        }[backend]
        self.clock = StepClock() if backend == "tensorflow" else None
        self._guard_optimizer()

    def __call__(self, *args):
        """Take a step as the model's own `train_step` does, or leave no trace."""
        self._guard_optimizer()  # the model may have been compiled anew
        self._replica.finite = self._replica.loss = self._replica.norm = None
        self._judges_loss = self._kept = False
        return self._take(*args)

    def forget_layers(self) -> None:
        """Look again for what layers keep: the model may have other ones."""
        self._small = None

    def _guard_optimizer(self) -> None:
        """Have the optimizer ask, through its instance: its class stays as it is."""
        optimizer = self.model.optimizer
        if getattr(optimizer, "_guarded_by", None) is self:
            return
        backend = keras.backend.backend()
        name, apply = {
            "jax": ("stateless_apply", self._note_and_apply),
            "tensorflow": ("apply", self._apply_on_tensorflow),
            "torch": ("apply", self._apply_on_torch),
        }[backend]
        for method, asking in ((name, apply), ("scale_loss", self._note_loss)):
            own = getattr(type(optimizer), method).__get__(optimizer)
            setattr(optimizer, method, functools.partial(asking, own))
        optimizer._guarded_by = self

    def _note_loss(self, own, loss):
        if keras.backend.backend() == "jax":
            # It may not leave the gradient, but can spoil it.
            self._judges_loss = True
            spoilt = ops.where(ops.isfinite(loss), 1.0, math.nan)
            return own(loss * ops.cast(spoilt, loss.dtype))
        finite, before = ops.isfinite(loss), getattr(self._replica, "loss", None)
        # One loss behind the other, where a batch is computed in parts.
        self._replica.loss = (
            finite if before is None else ops.logical_and(before, finite)
        )
        return own(loss)

    # JAX: the step is a function, and the state is chosen from what it was given and
    # what it made. A GPU chooses within the update; for a CPU that is one more way
    # through all weights, so there a lost step leaves the optimizer out.

    def _on_jax(self, state, data):
        logs, new = self._step(state, data)
        variables = self.model.metrics_variables
        finite = ops.logical_and(self._gradients, self._tracked_finite(new[3]))
        choose = functools.partial(_chosen, finite)
        chosen = [list(map(choose, *two)) for two in zip(new, state, strict=True)]
        if self._kept:
            chosen[0] = list(new[0])
            for index, value in enumerate(new[2]):
                if value.ndim:  # scalars count steps, and scale losses
                    chosen[2][index] = value
        for index, variable in enumerate(self.model.non_trainable_variables):
            if _is_seed(variable):
                chosen[1][index] = new[1][index]
        own = next(i for i, v in enumerate(variables) if v is self.skipped.counts)
        chosen[3][own] = self.skipped.counted(state[3][own], finite)
        mapping = list(zip(variables, chosen[3], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            logs = self._logs(logs, self.model.get_metrics_result(), finite)
            logs[self.skipped.name] = self.skipped.of_epoch()
        return logs, tuple(chosen)

    def _note_and_apply(self, own, optimizer_variables, gradients, variables):
        optimizer = self.model.optimizer
        scale = None
        if hasattr(optimizer, "dynamic_scale"):
            pairs = zip(optimizer.variables, optimizer_variables, strict=True)
            scale = next(value for v, value in pairs if v is optimizer.dynamic_scale)
        finite = self._gradients = self._gradients_finite(gradients, scale)

        def apply():
            with gradient_norms.clipped(
                optimizer, gradients, self._replica.norm
            ) as clipped:
                return tuple(map(list, own(optimizer_variables, clipped, variables)))

        self._kept = self._judges_loss and _on_cpu()
        if not self._kept:
            return apply()
        kept = list(variables), list(optimizer_variables)
        return ops.cond(finite, apply, lambda: kept)

    # TensorFlow: the step assigns. Before the optimizer does, it asks; what is small
    # and assigned anyway, metrics and statistics, is put back.

    def _on_tensorflow(self, data):
        import tensorflow as tf

        timed = self.clock.times(self.model)
        if timed:
            self.clock.arrive(data)
        # An identity is the value of now; a variable is read when it is used.
        kept = [(v, tf.identity(v.value)) for v in self._small_variables()]
        logs = self._step(data)
        finite = self._replica.finite
        if finite is None:  # the model's step never asked its optimizer
            finite = tf.constant(True)
        for variable, before in kept:
            after = tf.identity(variable.value)
            variable.assign(tf.where(finite, after, before))
        self.skipped.count(finite)
        logs = self._logs(logs, self.model.get_metrics_result(), finite)
        logs = {**logs, self.skipped.name: self.skipped.of_epoch()}
        if timed:
            self.clock.end(self.model, logs)
        return logs

    def _apply_on_tensorflow(self, own, gradients, variables=None):
        import tensorflow as tf

        scale = getattr(self.model.optimizer, "dynamic_scale", None)
        finite = self._with_loss(self._gradients_finite(gradients, scale))
        finite = self._replica.finite = self._agreed(finite)
        optimizer = self.model.optimizer
        alone = "_backend_update_step" in vars(optimizer)  # no merging
        if alone or tf.__internal__.distribute.strategy_supports_no_merge_call():
            norm = self._norm_of_all(gradients, alone)

            def apply():
                with gradient_norms.clipped(optimizer, gradients, norm) as clipped:
                    own(clipped, variables)

            ops.cond(finite, apply, lambda: None)
            return

        # Where replicas are merged to update, a choice is one for all of them.
        def merged(strategy, finite, gradients, variables):
            each = strategy.extended.call_for_each_replica
            ops.cond(
                strategy.experimental_local_results(finite)[0],
                lambda: each(own, args=(gradients, variables)) and None,
                lambda: None,
            )

        context = tf.distribute.get_replica_context()
        context.merge_call(merged, args=(finite, gradients, variables))

    def _norm_of_all(self, gradients, alone: bool):
        """Return the norm of the gradients, or None where replicas have others."""
        one = self.model.distribute_strategy.num_replicas_in_sync == 1
        known = (one or alone) and not any(map(_is_slices, gradients))
        return self._replica.norm if known else None

    def _agreed(self, finite):
        """Return whether it is so on all replicas."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        lost = tf.cast(tf.logical_not(finite), tf.float32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, lost) < 0.5

    # PyTorch: as on TensorFlow, but the choice is Python's.

    def _on_torch(self, data):
        kept = [(v, v.value.detach().clone()) for v in self._small_variables()]
        logs = self._step(data)
        finite = self._replica.finite
        finite = True if finite is None else finite
        self.skipped.count(finite)
        if not finite:
            for variable, before in kept:
                variable.assign(before)
            logs = {**logs, **self.model.get_metrics_result()}
        return {**logs, self.skipped.name: self.skipped.of_epoch()}

    def _apply_on_torch(self, own, gradients, variables=None):
        optimizer = self.model.optimizer
        scale = getattr(optimizer, "dynamic_scale", None)
        norm = torch_norms.norm(gradients)
        if gradient_norms.clip_limit(optimizer) is None:
            finite = _or_scaled(torch_norms.all_finite(gradients, norm), scale)
        else:
            finite = norm.isfinite()
        self._replica.finite = self._agreed_on_torch(self._with_loss(finite))
        if self._replica.finite:
            with torch_norms.clipped(optimizer, gradients, norm):
                own(gradients, variables)

    @staticmethod
    def _agreed_on_torch(finite) -> bool:
        import torch

        if torch.distributed.is_available() and torch.distributed.is_initialized():
            flag = finite.to(torch.int32)
            torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MIN)
            finite = flag
        return bool(finite)

    # What all of them ask.

    def _gradients_finite(self, gradients, scale):
        dense = [
            getattr(g, "values", g) if _is_slices(g) else g
            for g in gradients
            if g is not None
        ]
        self._replica.norm = None
        if not dense or gradient_norms.clip_limit(self.model.optimizer) is None:
            return _or_scaled(_all_finite(dense), scale)
        self._replica.norm = gradient_norms.norm(dense)
        return ops.isfinite(self._replica.norm)

    def _with_loss(self, finite):
        loss, self._replica.loss = getattr(self._replica, "loss", None), None
        return finite if loss is None else ops.logical_and(finite, loss)

    def _tracked_finite(self, values):
        """Return whether the running loss is finite, among the metrics' values."""
        tracker = getattr(self.model, "_loss_tracker", None)
        tracked = {id(v) for v in (tracker.variables if tracker else ())}
        pairs = zip(values, self.model.metrics_variables, strict=True)
        return _all_finite([value for value, v in pairs if id(v) in tracked])

    def _small_variables(self) -> list:
        """Return the metrics and the statistics of layers, which a step assigns.

        Not among them are random states, and weights that are frozen.
        """
        judges = self.model._compile_metrics, self.model._compile_loss
        if self._small is not None and self._small_of == judges:
            return self._small
        layers = self.model._flatten_layers()
        statistics = [v for layer in layers for v in layer._non_trainable_variables]
        seen = {id(v): v for v in (*self.model.metrics_variables, *statistics)}
        seen.pop(id(self.skipped.counts), None)
        small = [v for v in seen.values() if not _is_seed(v)]
        if all(judge is None or judge.built for judge in judges):
            self._small, self._small_of = small, judges
        return small

    def _logs(self, logs, results, finite):
        chosen = {
            name: _chosen(finite, value, ops.reshape(results[name], ops.shape(value)))
            if name in results
            else value
            for name, value in logs.items()
        }
        return chosen


def _chosen(finite, after, before):
    return after if after is before else ops.where(finite, after, before)


def _or_scaled(finite, scale):
    """Return whether gradients are finite, or the optimizer's to leave out."""
    if scale is None:
        return finite
    return ops.logical_or(finite, ops.convert_to_tensor(scale) > 1.0)


def _all_finite(tensors):
    if not tensors:
        return ops.convert_to_tensor(True)
    return ops.all(ops.stack([ops.all(ops.isfinite(x)) for x in tensors]))


def _on_cpu() -> bool:
    import jax

    return jax.default_backend() == "cpu"


def _is_seed(variable) -> bool:
    return variable.name == "seed_generator_state"


def _is_slices(gradient) -> bool:
    return type(gradient).__name__ == "IndexedSlices"
