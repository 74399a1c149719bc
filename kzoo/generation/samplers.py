"""Samplers: from logits to the next token ids, by NumPy, the same on every backend."""

import abc

import numpy as np

from kzoo.errors import InputError, unknown_name


class Sampler(abc.ABC):
    """The abstract base: logits in, next ids out, nothing kept in between.

    Call arguments:
        logits: (B, V) float32.
        step: Which new token of a text this is, from 0: with the seed and the row it
            fixes what is drawn.

    Returns:
        (B,) int64.
    """

    @abc.abstractmethod
    def __call__(self, logits: np.ndarray, step: int) -> np.ndarray:
        """Return the next ids, (B,)."""


class Greedy(Sampler):
    """Take the most probable token; of several alike, that of the lowest id.

    Example:
        >>> Greedy()(np.array([[0.0, 3.0, 1.0]]), 0).tolist()
        [1]
    """

    def __call__(self, logits: np.ndarray, step: int) -> np.ndarray:
        """Return the ids of the greatest logits, (B,)."""
        return logits.argmax(axis=-1)


class RandomSampler(Sampler):
    """Draw a token in proportion to its probability, softmax(logits / temperature).

    Row r of step t is drawn by its own random number of (seed, t, r), so a re-run
    gives the same text.

    Args:
        temperature: Below 1 sharpens the distribution, above 1 flattens it.
        seed: Fixes what is drawn.

    Raises:
        InputError: If the temperature is not above zero.

    Example:
        >>> RandomSampler(seed=3)(np.array([[0.0, 50.0]]), 0).tolist()
        [1]
    """

    def __init__(self, temperature: float = 1.0, *, seed: int = 0):
        if not temperature > 0 or not np.isfinite(temperature):
            raise InputError(
                "A temperature is a number above zero.",
                f"temperature={temperature!r}",
                "Take sampler='greedy' for the limit of zero.",
            )
        self.temperature = temperature
        self.seed = seed

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return what is drawn from, (B, V) float64, rows summing to one."""
        scaled = logits.astype("float64") / self.temperature
        exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        exponents = exponents * self.kept(exponents)
        return exponents / exponents.sum(axis=-1, keepdims=True)

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Return which tokens may be drawn, (B, V) bool, by unnormalised weights."""
        return np.ones(weights.shape, bool)

    def __call__(self, logits: np.ndarray, step: int) -> np.ndarray:
        """Return the ids drawn, (B,)."""
        cumulative = self.probabilities(logits).cumsum(axis=-1)
        rows = [
            np.random.default_rng([self.seed, step, row]).random()
            for row in range(len(logits))
        ]
        # Times the last sum, which rounding leaves beside 1: never an id too many.
        drawn = np.array(rows)[:, None] * cumulative[:, -1:]
        return (cumulative <= drawn).sum(axis=-1)


class TopK(RandomSampler):
    """Draw from the k most probable tokens.

    Args:
        k: How many; those that tie with the last stay too.
        temperature: See `RandomSampler`.
        seed: See `RandomSampler`.

    Raises:
        InputError: If k is below 1.

    Example:
        >>> TopK(2).probabilities(np.array([[0.0, 1.0, 1.0]])).tolist()
        [[0.0, 0.5, 0.5]]

    Reference:
        Fan et al. 2018, arXiv:1805.04833, section 5.4.
    """

    def __init__(self, k: int, *, temperature: float = 1.0, seed: int = 0):
        super().__init__(temperature, seed=seed)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise InputError(
                "Top-k keeps one token or more.",
                f"top_k={k!r}",
                "Pass 1 or more; leave it out to keep all.",
            )
        self.k = k

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Return which tokens are among the k heaviest, (B, V) bool."""
        if self.k >= weights.shape[-1]:
            return np.ones(weights.shape, bool)
        smallest = np.partition(weights, -self.k, axis=-1)[:, -self.k, None]
        return weights >= smallest


class TopP(RandomSampler):
    """Draw from the fewest tokens that together have probability p: the nucleus.

    Args:
        p: The probability, of (0, 1].
        temperature: See `RandomSampler`.
        seed: See `RandomSampler`.

    Raises:
        InputError: If p is outside (0, 1].

    Example:
        >>> TopP(0.6).probabilities(np.log([[0.5, 0.3, 0.2]])).round(3).tolist()
        [[0.625, 0.375, 0.0]]

    Reference:
        Holtzman et al. 2019, arXiv:1904.09751, section 3.1.
    """

    def __init__(self, p: float, *, temperature: float = 1.0, seed: int = 0):
        super().__init__(temperature, seed=seed)
        self.p = _share("top_p", p)

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Return which tokens are of the nucleus, (B, V) bool."""
        total = weights.sum(axis=-1, keepdims=True)
        order = np.argsort(-weights, axis=-1, kind="stable")
        heaviest_first = np.take_along_axis(weights, order, axis=-1)
        before = heaviest_first.cumsum(axis=-1) - heaviest_first
        kept = np.zeros(weights.shape, bool)
        np.put_along_axis(kept, order, before < self.p * total, axis=-1)
        return kept


class MinP(RandomSampler):
    """Draw from the tokens that have at least p times the probability of the best.

    Args:
        p: The share, of (0, 1].
        temperature: See `RandomSampler`.
        seed: See `RandomSampler`.

    Raises:
        InputError: If p is outside (0, 1].

    Example:
        >>> MinP(0.5).kept(np.array([[0.5, 0.3, 0.2]])).tolist()
        [[True, True, False]]

    Reference:
        Nguyen et al. 2024, arXiv:2407.01082, section 3.
    """

    def __init__(self, p: float, *, temperature: float = 1.0, seed: int = 0):
        super().__init__(temperature, seed=seed)
        self.p = _share("min_p", p)

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Return which tokens are probable enough, (B, V) bool."""
        return weights >= self.p * weights.max(axis=-1, keepdims=True)


def _share(name, value):
    if not 0 < value <= 1:
        raise InputError(
            "A probability to keep is above 0 and at most 1.",
            f"{name}={value!r}",
            "1 keeps every token.",
        )
    return value


class Filtered(RandomSampler):
    """Draw from the tokens that every one of several samplers keeps.

    Args:
        samplers: Of `TopK`, `TopP` and `MinP`; their own temperatures and seeds have
            no part in it.
        temperature: See `RandomSampler`.
        seed: See `RandomSampler`.

    Example:
        >>> both = Filtered([TopK(2), TopP(0.4)])
        >>> both.probabilities(np.log([[0.5, 0.3, 0.2]])).tolist()
        [[1.0, 0.0, 0.0]]
    """

    def __init__(self, samplers, *, temperature: float = 1.0, seed: int = 0):
        super().__init__(temperature, seed=seed)
        self.samplers = tuple(samplers)

    def kept(self, weights: np.ndarray) -> np.ndarray:
        """Return which tokens all samplers keep, (B, V) bool."""
        kept = np.ones(weights.shape, bool)
        for sampler in self.samplers:
            kept &= sampler.kept(weights * kept)
        return kept & (weights > 0)


def as_sampler(sampler: "str | Sampler") -> Sampler:
    """Return the sampler of a name, or the sampler itself.

    Args:
        sampler: `"greedy"`, `"random"`, or a sampler.

    Returns:
        The sampler.

    Raises:
        InputError: If no sampler has the name.
    """
    if isinstance(sampler, Sampler):
        return sampler
    named = {"greedy": Greedy, "random": RandomSampler}
    if sampler not in named:
        raise unknown_name("sampler", str(sampler), named)
    return named[sampler]()


def penalise_repetition(
    logits: np.ndarray, seen: list[np.ndarray], penalty: float
) -> np.ndarray:
    """Return logits in which tokens already seen are less probable.

    A positive logit of such a token is divided by the penalty, a negative one
    multiplied with it.

    Args:
        logits: (B, V).
        seen: The ids of each row's text so far, prompt included.
        penalty: 1 changes nothing, above 1 repeats less.

    Returns:
        (B, V), another array.

    Raises:
        InputError: If the penalty is not above zero.

    Example:
        >>> penalise_repetition(np.array([[2.0, -1.0]]), [np.array([0, 1])], 2.0)
        array([[ 1., -2.]])

    Reference:
        Keskar et al. 2019, arXiv:1909.05858, section 4.1.
    """
    if not penalty > 0:
        raise InputError(
            "A repetition penalty is a number above zero.",
            f"repetition_penalty={penalty!r}",
            "1.0 changes nothing.",
        )
    logits = logits.copy()
    for row, ids in zip(logits, seen, strict=True):
        ids = np.unique(ids)
        row[ids] = np.where(row[ids] > 0, row[ids] / penalty, row[ids] * penalty)
    return logits
