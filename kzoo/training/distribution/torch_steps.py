"""The steps of a model that several PyTorch processes train together."""

import contextlib
import warnings

import keras
from keras import tree

from kzoo.layers import global_rows
from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import Part, share_losses
from kzoo.training.distribution.share_steps import (
    ShareSteps,
    concatenated,
    in_groups,
    part_of,
)
from kzoo.training.distribution.torch_rows import (
    add_gradients,
    added,
    own_rows,
    received,
)


class TorchSteps(ShareSteps):
    """`fit` and `evaluate` by several processes, equal to those of one.

    To stand before `keras.Model` among the bases of a class. Each process computes
    its rows of every batch; the parts of the loss add up to the loss of the batch, and
    `DistributedDataParallel` adds up the gradients while they are computed. Weights,
    optimizer and metrics are then the same in every process. Without a group of
    processes a step is that of Keras, only shorter.
    """

    def fit(self, x=None, *args, **kwargs):
        """Train, as `keras.Model.fit`; each process on its rows of the batches."""
        with self._own_rows(x):
            return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """Evaluate, as `keras.Model.evaluate`; each process its rows of the batches."""
        with self._own_rows(x):
            return super().evaluate(x, *args, **kwargs)

    def _own_rows(self, data):
        if group.size() == 1:
            return contextlib.nullcontext()
        return own_rows(data, self._micro_batches)

    def train_step(self, data):
        """Take a step on this process's rows, and return the logs of the batch."""
        if group.size() == self._micro_batches == 1:
            return self._step_alone(data)
        parts, variables = self._received(data), self.trainable_weights
        one = self._micro_batches <= group.size()
        model = self._parallel() if one else self
        self.zero_grad()
        done = []
        for part in parts:
            # Keras draws from torch's own generators where a layer has no seed.
            with _drawn_again(part.last):
                loss, sums = self._computed(model, part, training=True)
                if variables:
                    self.optimizer.scale_loss(loss).backward()
            done = _added(done, [loss.detach(), *sums])
        if not one:
            add_gradients(variables)
        self._descend(variables)
        return self._noted(*added(done), rows=parts[0].weights.total)

    def test_step(self, data):
        """Evaluate this process's rows, and return the logs of the batch."""
        if group.size() == self._micro_batches == 1:
            return super().test_step(data)
        parts, done = self._received(data), []
        for part in parts:
            loss, sums = self._computed(self, part, training=False)
            done = _added(done, [loss, *sums])
        return self._noted(*added(done), rows=parts[0].weights.total)

    def predict_step(self, data):
        """Return the outputs of a batch."""
        if self._micro_batches == 1:
            return super().predict_step(data)
        step, outputs = super().predict_step, []
        for starts, rows in in_groups(data, self._micro_batches):
            for index in range(len(starts)):
                outputs.append(step(part_of(rows, index)))
        return concatenated(outputs)

    def _received(self, data) -> list[Part]:
        share_losses(self)
        batch = keras.utils.unpack_x_y_sample_weight(data)
        return received(batch, self._micro_batches)

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
        if variables := self.trainable_weights:
            self.optimizer.scale_loss(loss).backward()
        self._descend(variables)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _descend(self, variables: list) -> None:
        """Have the optimizer take its step along the gradients of variables."""
        import torch

        if not variables:
            warnings.warn("No weight of the model is trainable.", stacklevel=2)
            return
        with torch.no_grad():
            gradients = [variable.value.grad for variable in variables]
            self.optimizer.apply(gradients, variables)

    def _computed(self, model, part: Part, training: bool):
        """Return a part's share of the loss, and what it adds to the metrics."""
        given = {"training": training} if self._call_has_training_arg else {}
        place = part.weights.start, part.weights.total
        with global_rows.of_global_batch(*place, last=part.last) as own:
            y_pred = model(part.x, **given)
        global_rows.put_back(own)
        loss, sums = self._judged(y_pred, part, training)
        return loss, [value.detach() for value in sums]

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


def _drawn_again(last: bool):
    """Return a scope that leaves torch's own generators as they were.

    Keras draws from them for layers that have no seed, and all rows of a batch are
    drawn from one state: they move on with its last part.
    """
    import torch

    if last:
        return contextlib.nullcontext()
    on_gpu = torch.cuda.is_available()
    return torch.random.fork_rng([torch.cuda.current_device()] if on_gpu else [])


def _added(values: list, others: list) -> list:
    """Return sums of tensors, one by one; the others where there is nothing yet."""
    pairs = zip(values, others, strict=True)
    return [value + other for value, other in pairs] if values else others
