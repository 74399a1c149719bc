"""What a language model writes while it is trained."""

from collections.abc import Callable, Sequence

import keras

from kzoo.errors import InputError


class SampleTexts(keras.callbacks.Callback):
    """Have the model continue some prompts after every few epochs.

    Args:
        write: Called with the prompts; returns one continuation for each, such as
            `lambda prompts: model.generate(prompts, max_new_tokens=40)`.
        prompts: The texts to continue.
        tell: Called as `tell(epoch, prompt, continuation)`, epochs from 1.
        every: How many epochs lie between two samples.

    Raises:
        InputError: If there is no prompt or the number of epochs is not positive.

    Example:
        >>> SampleTexts(model.generate, ["Once"], print).every  # doctest: +SKIP
        1
    """

    def __init__(
        self,
        write: Callable[[list[str]], Sequence[str]],
        prompts: Sequence[str],
        tell: Callable[[int, str, str], None],
        every: int = 1,
    ) -> None:
        super().__init__()
        if not prompts or every < 1:
            raise InputError(
                "Samples are texts that continue prompts, after every few epochs.",
                f"prompts={list(prompts)!r}, every={every}",
                "Pass one prompt or more, and 1 or more.",
            )
        self.write = write
        self.prompts = list(prompts)
        self.tell = tell
        self.every = every

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write, if it is the turn of this epoch."""
        if (epoch + 1) % self.every:
            return
        texts = self.write(self.prompts)
        for prompt, text in zip(self.prompts, texts, strict=True):
            self.tell(epoch + 1, prompt, text)
