"""Token ids of many texts, held flat: one array and where each row starts."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from kzoo.data.examples import Text

_CHUNK = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class TokenRows:
    """The ids of n texts without any padding.

    Args:
        flat: (sum of lengths,) int32, row after row.
        offsets: (n + 1,) int64; row i is `flat[offsets[i]:offsets[i + 1]]`.
        flat_segments: As `flat`, the segment of each token, or `None` where every
            text stands alone.

    Example:
        >>> rows = TokenRows(np.array([2, 7, 3, 2, 3]), np.array([0, 3, 5]))
        >>> rows.lengths.tolist()
        [3, 2]
    """

    flat: np.ndarray
    offsets: np.ndarray
    flat_segments: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each text, (n,) int64."""
        return np.diff(self.offsets)

    def padded(
        self, rows: np.ndarray, width: int, pad_id: int
    ) -> dict[str, np.ndarray]:
        """Return some rows as a model's inputs.

        Args:
            rows: (B,) positions.
            width: T, at least the longest of the rows.
            pad_id: What stands in `token_ids` after a row's end.

        Returns:
            `token_ids` (B, T) int32 and `padding_mask` (B, T) bool, True = real
            token; for pairs also `segment_ids` (B, T) int32.
        """
        mask = np.arange(width) < self.lengths[rows][:, None]  # (B, T)
        spans = [slice(self.offsets[i], self.offsets[i + 1]) for i in rows]
        ids = np.full(mask.shape, pad_id, dtype="int32")
        if not spans:
            spans = [slice(0, 0)]  # nothing can be joined to nothing
        ids[mask] = np.concatenate([self.flat[span] for span in spans])
        inputs = {"token_ids": ids, "padding_mask": mask}
        if self.flat_segments is not None:
            segments = np.zeros(mask.shape, dtype="int32")
            segments[mask] = np.concatenate([self.flat_segments[s] for s in spans])
            inputs["segment_ids"] = segments
        return inputs


def tokenize(
    texts: Sequence[Text],
    tokenizer,
    max_length: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TokenRows:
    """Tokenise texts once, in chunks.

    Args:
        texts: Texts or pairs.
        tokenizer: Anything with `encode_batch(texts, max_length)` as
            `kzoo.tokenizers` has it.
        max_length: Most tokens of a row, special tokens included; `None` cuts
            nothing.
        progress: Called as `progress(done, total)` after each chunk.

    Returns:
        The rows.
    """
    rows, segments = [], []
    paired = any(isinstance(text, tuple) for text in texts)
    for start in range(0, len(texts), _CHUNK):
        chunk = list(texts[start : start + _CHUNK])
        encoded = tokenizer.encode_batch(chunk, max_length=max_length)
        rows += encoded.ids
        if paired:
            segments += encoded.segment_ids
        if progress is not None:
            progress(start + len(chunk), len(texts))
    offsets = np.zeros(len(rows) + 1, dtype="int64")
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return TokenRows(
        flat=np.concatenate(rows).astype("int32") if rows else np.zeros(0, "int32"),
        offsets=offsets,
        flat_segments=np.concatenate(segments).astype("int8") if segments else None,
    )
