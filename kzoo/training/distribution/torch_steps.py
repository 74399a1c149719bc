"""The steps of a model that several PyTorch processes train together."""

import warnings

import keras
from keras import ops, tree

from kzoo.layers import global_rows
from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import share_losses, weighing
from kzoo.training.distribution.torch_rows import Received, added, own_rows


class TorchSteps:
    """`fit` and `evaluate` by several processes, equal to those of one.

    To stand before `keras.Model` among the bases of a class. Each process computes
    its rows of every batch; the parts of the loss add up to the loss of the batch, and
    `DistributedDataParallel` adds up the gradients while they are computed. Weights,
    optimizer and metrics are then the same in every process. Without a group of
    processes a step is that of Keras, only shorter.
    """

    def fit(self, x=None, *args, **kwargs):
        """Train, as `keras.Model.fit`; each process on its rows of the batches."""
        if group.size() == 1:
            return super().fit(x, *args, **kwargs)
        with own_rows(x):
            return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """Evaluate, as `keras.Model.evaluate`; each process its rows of the batches."""
        if group.size() == 1:
            return super().evaluate(x, *args, **kwargs)
        with own_rows(x):
            return super().evaluate(x, *args, **kwargs)

    def train_step(self, data):
        """Take a step on this process's rows, and return the logs of the batch."""
        if group.size() == 1:
            return self._step_alone(data)
        share_losses(self)
        received = Received(keras.utils.unpack_x_y_sample_weight(data))
        parallel = self._parallel()
        self.zero_grad()
        loss, sums = self._judged(parallel, received, training=True)
        self._descend(loss)
        return self._noted(*added([loss.detach(), *sums]), rows=received.total)

    def test_step(self, data):
        """Evaluate this process's rows, and return the logs of the batch."""
        if group.size() == 1:
            return super().test_step(data)
        share_losses(self)
        received = Received(keras.utils.unpack_x_y_sample_weight(data))
        loss, sums = self._judged(self, received, training=False)
        return self._noted(*added([loss, *sums]), rows=received.total)

    def _step_alone(self, data):
        """Take the step of Keras: its calls, in an order that takes less time.

        Gradients are let go before the forward pass and not behind it, and weights are
        looked for in all layers once: small models take 2% less of a CPU's time.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        given = {"training": True} if self._call_has_training_arg else {}
        y_pred = self(x, **given)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
        )
        rows = next(part for part in tree.flatten(x) if part is not None).shape[0]
        self._loss_tracker.update_state(loss.detach(), sample_weight=rows)
        self._descend(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _descend(self, loss) -> None:
        """Compute the gradients of a loss, and have the optimizer take its step."""
        import torch

        variables = self.trainable_weights
        if not variables:
            warnings.warn("No weight of the model is trainable.", stacklevel=2)
            return
        self.optimizer.scale_loss(loss).backward()
        with torch.no_grad():
            gradients = [variable.value.grad for variable in variables]
            self.optimizer.apply(gradients, variables)

    def _judged(self, model, received: Received, training: bool):
        """Return this process's part of the loss, and what it adds to the metrics."""
        x, y, sample_weight = received.parts
        given = {"training": training} if self._call_has_training_arg else {}
        object.__setattr__(self, "_received", received)
        place = received.start, received.total
        with global_rows.of_global_batch(*place), weighing(received):
            y_pred = model(x, **given)
            added_up, outputs = self._added_up(), self._losses_of_outputs()
            fresh = [*added_up, *(v for metric in outputs for v in metric.variables)]
            pairs = [(v, ops.zeros(v.shape, v.dtype)) for v in fresh]
            with keras.StatelessScope(state_mapping=pairs) as scope:
                loss = self._compute_loss(
                    x=x,
                    y=y,
                    y_pred=y_pred,
                    sample_weight=sample_weight,
                    training=training,
                )
                # Those of several outputs: parts too, and not means of rows.
                parts = [metric.result() for metric in outputs]
                if received.rows:
                    self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        sums = [scope.get_current_value(variable) for variable in added_up]
        return loss, [value.detach() for value in (*parts, *sums)]

    def _aggregate_additional_loss(self, loss):
        loss = super()._aggregate_additional_loss(loss)
        received = getattr(self, "_received", None)
        if group.size() == 1 or received is None:
            return loss
        # A mean over rows, or one of the weights: all parts together are it once.
        return loss * (received.rows / received.total)

    def _added_up(self) -> list:
        """Return the metrics' variables that the rows of a batch add to."""
        losses = [self._loss_tracker, *self._losses_of_outputs()]
        metrics = [
            metric
            for metric in self._get_own_metrics()
            if not any(metric is loss for loss in losses)
        ]
        return [variable for metric in metrics for variable in metric.variables]

    def _losses_of_outputs(self) -> list:
        """Return the metrics that keep the loss of each of several outputs."""
        return [] if self._compile_loss is None else self._compile_loss.metrics

    def _noted(self, loss, *sums, rows: int):
        """Add a batch to the metrics, and return what they are."""
        losses = [self._loss_tracker, *self._losses_of_outputs()]
        for metric, value in zip(losses, (loss, *sums), strict=False):
            metric.update_state(value, sample_weight=rows)
        sums = sums[len(losses) - 1 :]
        for variable, change in zip(self._added_up(), sums, strict=True):
            variable.assign_add(change)
        return self.get_metrics_result()

    def _parallel(self):
        """Return the model as `DistributedDataParallel`."""
        import torch
        from torch.nn.parallel import DistributedDataParallel

        trained = tuple(id(p) for p in self.parameters() if p.requires_grad)
        made = getattr(self, "_made_parallel", None)
        if made is not None and made[0] == trained:
            return made[1]
        on_gpu = torch.cuda.is_available()
        parallel = DistributedDataParallel(
            self,
            device_ids=[torch.cuda.current_device()] if on_gpu else None,
            static_graph=True,  # weights may be left unused, but always the same
        )
        # Not their mean: the parts of a loss add up. To scale them instead would have
        # float16 overflow where one process does not.
        parallel.register_comm_hook(None, _sum)
        # Not as a part of the model, which is a part of it.
        object.__setattr__(self, "_made_parallel", (trained, parallel))
        return parallel


def _sum(_, bucket):
    """Return the future sum of a bucket of gradients over all processes."""
    import torch.distributed

    work = torch.distributed.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda done: done.value()[0])
