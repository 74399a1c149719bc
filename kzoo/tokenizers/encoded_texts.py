"""What a batch of texts becomes before it is padded."""

from typing import NamedTuple

import numpy as np


class EncodedTexts(NamedTuple):
    """The ids of some texts, each of its own length.

    Args:
        ids: One int32 array `(T,)` for each text.
        segment_ids: One int32 array `(T,)` for each text: 0 up to the first
            separator, 1 for the second text of a pair.

    Example:
        >>> encoded = EncodedTexts([np.array([2, 3], "int32")], [np.zeros(2, "int32")])
        >>> encoded.lengths
        [2]
    """

    ids: list[np.ndarray]
    segment_ids: list[np.ndarray]

    @property
    def lengths(self) -> list[int]:
        """The number of ids of each text."""
        return [len(row) for row in self.ids]
