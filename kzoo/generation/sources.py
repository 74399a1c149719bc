"""What a model with an encoder reads before it decodes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kzoo.data.token_batches import round_up


@dataclasses.dataclass(frozen=True)
class SourceBatch:
    """Texts to translate, padded on the right.

    The width is rounded up, so that a compiled encoder serves many lengths.

    Args:
        token_ids: (B, S) int32.
        padding_mask: (B, S) bool, True = real token.
    """

    token_ids: np.ndarray
    padding_mask: np.ndarray

    @classmethod
    def of(
        cls,
        sources: Sequence[Sequence[int]],
        pad_id: int = 0,
        max_length: int | None = None,
    ) -> "SourceBatch":
        """Return the batch of sources.

        Args:
            sources: The ids of each, one or more.
            pad_id: What stands in the padding; no token sees it.
            max_length: The greatest width, that of the model's positions.

        Returns:
            The batch.

        Example:
            >>> SourceBatch.of([[5, 6], [7]]).padding_mask[:, :3].tolist()
            [[True, True, False], [True, False, False]]
        """
        lengths = np.array([len(source) for source in sources])
        width = round_up(int(lengths.max()))
        if max_length is not None:
            width = max(min(width, max_length), int(lengths.max()))
        token_ids = np.full((len(sources), width), pad_id, "int32")
        for row, source in zip(token_ids, sources, strict=True):
            row[: len(source)] = source
        return cls(token_ids, np.arange(width) < lengths[:, None])

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """What a model's `make_cache` takes."""
        return self.token_ids, self.padding_mask

    def row(self, index: int) -> "SourceBatch":
        """Return one of the texts as a batch of its own."""
        part = slice(index, index + 1)
        return SourceBatch(self.token_ids[part], self.padding_mask[part])
