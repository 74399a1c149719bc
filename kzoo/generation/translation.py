"""From texts to translations."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kzoo.errors import InputError
from kzoo.generation.beam_search import BeamSearch, check_early_finish
from kzoo.generation.decoding import generate_ids
from kzoo.generation.greedy_search import GreedySearch
from kzoo.generation.samplers import Sampler
from kzoo.generation.search import Hypothesis, Search
from kzoo.generation.sentences import split_sentences as sentences_of
from kzoo.generation.sources import SourceBatch

# How many batches are sorted by length together, where texts come one by one.
_WINDOW = 32


class Translation(NamedTuple):
    """One translation of a text.

    Args:
        text: The translation.
        score: Its log-probability by length, as the search ranks; the sum of those of
            its sentences where the text was split; NaN where it was sampled.
        token_ids: (n,) int64, the ids that it was decoded of, without the end.
    """

    text: str
    score: float
    token_ids: np.ndarray


def translate(model, texts: str | Sequence[str], **options) -> list[str]:
    """Translate each text.

    Args:
        model: A translator with a tokenizer.
        texts: Sentences; one is as good as a list of one.
        **options: Of `iter_translations`.

    Returns:
        The best translation of each text, in order.

    Raises:
        InputError: If the model has no tokenizer, a text is too long for it, or an
            option is not valid.

    Example:
        >>> from kzoo.models import Translator
        >>> from kzoo.tokenizers import TranslationTokenizer
        >>> pairs = (["ein Hund", "eine Katze"] * 9, ["a dog", "a cat"] * 9)
        >>> both = TranslationTokenizer.train(*pairs, vocabulary_size=24)
        >>> model = Translator.from_preset(
        ...     "translator-tiny", vocabulary_size=both.vocabulary_size, tokenizer=both
        ... )
        >>> len(translate(model, ["ein Hund", "eine Katze"], max_new_tokens=5))
        2
    """
    return [found[0].text for found in iter_translations(model, texts, **options)]


def iter_translations(
    model,
    texts: str | Iterable[str],
    *,
    num_beams: int = 4,
    length_penalty: float = 1.0,
    early_finish: bool | str = False,
    no_repeat_ngram: int = 0,
    num_results: int = 1,
    sampler: Sampler | None = None,
    max_new_tokens: int | None = None,
    max_ratio: float | None = None,
    prefix: str | Sequence[str] | None = None,
    split_sentences: bool = False,
    batch_size: int = 16,
) -> Iterator[list[Translation]]:
    """Yield the translations of each text, the best first, in the order of the texts.

    Texts are read as they are needed, and those of like length run together. A text
    without tokens has an empty translation.

    Args:
        model: A translator with a tokenizer.
        texts: Sentences; one is as good as a list of one.
        num_beams: See `BeamSearch`; 1 is greedy.
        length_penalty: See `BeamSearch`.
        early_finish: See `BeamSearch`.
        no_repeat_ngram: See `BeamSearch`.
        num_results: How many translations of each text, at most `num_beams`.
        sampler: Draws each token in place of a search, such as `TopP(0.9, seed=1)`.
        max_new_tokens: The most tokens of a translation, its end included; None for
            what the model has positions for.
        max_ratio: The most tokens of a translation for each token of its source.
        prefix: How translations begin: one for all, or one for each text.
        split_sentences: Translate the sentences of each text one by one. If not, a
            text is read as a whole, and one that is too long is refused.
        batch_size: How many texts, or sentences, run at once.

    Raises:
        InputError: If the model has no tokenizer, a text is too long for it, or an
            option is not valid.
    """
    texts = [texts] if isinstance(texts, str) else texts
    check_early_finish(early_finish)  # where one beam has no use for it too
    search: Search | Sampler
    if sampler is not None:
        if num_results != 1 or no_repeat_ngram:
            raise InputError(
                "A sampler draws one translation of each text, of any n-grams.",
                f"num_results={num_results}, no_repeat_ngram={no_repeat_ngram} with "
                f"sampler={sampler!r}",
                "Leave the sampler out, or the others.",
            )
        search = sampler
    elif num_beams == 1 and num_results == 1:
        search = GreedySearch(
            length_penalty=length_penalty, no_repeat_ngram=no_repeat_ngram
        )
    else:
        search = BeamSearch(
            num_beams,
            length_penalty=length_penalty,
            early_finish=early_finish,
            num_results=num_results,
            no_repeat_ngram=no_repeat_ngram,
        )
    if split_sentences and num_results != 1:
        raise InputError(
            "A text whose sentences are translated one by one has one translation.",
            f"num_results={num_results} with split_sentences=True",
            "Pass sentences as texts of their own.",
        )
    if not batch_size >= 1:
        raise InputError(
            "A batch has one text or more.", f"batch_size={batch_size!r}", "Pass 1."
        )
    if not _is_one(prefix) and isinstance(texts, Sequence):
        _check_prefixes(len(prefix), len(texts))
    decoder = _Decoder(model, search, max_new_tokens, max_ratio, batch_size)
    prefixes = itertools.repeat(prefix) if _is_one(prefix) else iter(prefix)
    return _in_windows(decoder, texts, prefixes, split_sentences)


def _is_one(prefix):
    return prefix is None or isinstance(prefix, str)


def _check_prefixes(prefixes: int, texts: int) -> None:
    if prefixes != texts:
        raise InputError(
            "There is one prefix for all texts, or one for each.",
            f"{prefixes} prefixes for {texts} texts",
            "Pass as many prefixes as texts; None or '' is none.",
        )


def _in_windows(decoder, texts, prefixes, split_sentences):
    texts = enumerate(texts)
    while window := list(itertools.islice(texts, _WINDOW * decoder.batch_size)):
        some = list(itertools.islice(prefixes, len(window)))
        _check_prefixes(len(some), len(window))
        if split_sentences:
            yield from _sentence_by_sentence(decoder, window, some)
        else:
            yield from decoder(window, some)


def _sentence_by_sentence(decoder, window, prefixes):
    parts = [sentences_of(text) or [text] for _, text in window]
    flat, begun = [], []
    for (index, _), sentences, prefix in zip(window, parts, prefixes, strict=True):
        flat += [(index, sentence) for sentence in sentences]
        begun += [prefix, *[None] * (len(sentences) - 1)]
    found = iter(decoder(flat, begun))
    for sentences in parts:
        best = [next(found)[0] for _ in sentences]
        # The white space behind a sentence, a space where there was none.
        gaps = [s[len(s.rstrip()) :] or " " for s in sentences[:-1]] + [""]
        text = "".join(t.text + gap for t, gap in zip(best, gaps, strict=True))
        ids = np.concatenate([t.token_ids for t in best])
        yield [Translation(text, sum(t.score for t in best), ids)]


class _Decoder:
    """Translates some texts, those of like length together."""

    def __init__(self, model, search, max_new_tokens, max_ratio, batch_size):
        self._model = model
        self._tokenizer = model.require_tokenizer()
        self._search = search
        self._limit = _checked_limit(model, max_new_tokens)
        if max_ratio is not None and not max_ratio > 0:
            raise InputError(
                "A translation may have some tokens for each of its source.",
                f"max_ratio={max_ratio!r}",
                "Pass a number above 0, such as 3.",
            )
        self._max_ratio = max_ratio
        self.batch_size = batch_size

    def __call__(self, texts, prefixes) -> list[list[Translation]]:
        """Return the translations of numbered texts, in their order."""
        rows = self._tokenizer.encode_source([text for _, text in texts]).ids
        begun = [self._begun(prefix) for prefix in prefixes]
        results: list = [None] * len(texts)
        full = []
        for place, (index, _) in enumerate(texts):
            self._check(index, rows[place], begun[place])
            if len(rows[place]) > 1:
                full.append(place)
            else:  # the end alone
                results[place] = self._nothing()
        full.sort(key=lambda place: -len(rows[place]))
        for start in range(0, len(full), self.batch_size):
            some = full[start : start + self.batch_size]
            found = self._decoded([rows[i] for i in some], [begun[i] for i in some])
            for place, hypotheses in zip(some, found, strict=True):
                results[place] = [
                    self._translation(h, begun[place]) for h in hypotheses
                ]
        return results

    def _nothing(self):
        count = getattr(self._search, "num_results", 1)
        return [Translation("", 0.0, np.zeros(0, "int64"))] * count

    def _begun(self, prefix):
        if not prefix:
            return np.array([self._model.start_id])
        ids = self._tokenizer.encode_target([prefix]).ids[0]
        ids = ids[:-1] if ids[-1] == self._model.end_id else ids
        return np.array([self._model.start_id, *ids])

    def _check(self, index, ids, begun):
        longest = self._model.max_sequence_length
        if len(ids) > longest:
            raise InputError(
                "A text to translate has at most as many tokens as the model has "
                "positions.",
                f"text {index} with {len(ids):,} tokens, max_sequence_length={longest}",
                "Pass split_sentences=True, or shorter texts.",
            )
        if len(begun) >= longest:
            raise InputError(
                "A prefix leaves room for what follows it.",
                f"a prefix of {len(begun) - 1:,} tokens for text {index}, "
                f"max_sequence_length={longest}",
                "Shorten it.",
            )

    def _decoded(self, rows, begun) -> list[list[Hypothesis]]:
        """Return the hypotheses of some rows of ids."""
        model, count = self._model, len(rows)
        # A compiled step serves one number of rows: the last batches are filled up
        # with texts of no words, so that there are few such numbers.
        more = min(1 << (count - 1).bit_length(), self.batch_size) - count
        rows = [*rows, *[[self._tokenizer.source.end_id]] * more]
        begun = [*begun, *[begun[-1]] * more]
        source = SourceBatch.of(
            rows, self._tokenizer.source.pad_id, model.max_sequence_length
        )
        limits = [self._room(*row) for row in zip(rows, begun, strict=True)][:count]
        options = {
            "max_new_tokens": limits + [1] * more,
            "stop_ids": (model.end_id,),
            "source": source,
        }
        if isinstance(self._search, Search):
            return self._search(model, begun, **options)[:count]
        found = generate_ids(model, begun, sampler=self._search, **options)
        return [[Hypothesis(ids, float("nan"))] for ids in found[:count]]

    def _room(self, ids, begun) -> int:
        """Return the most new tokens of one text, whatever runs beside it."""
        limit = min(self._limit, self._model.max_sequence_length - len(begun))
        if self._max_ratio is not None:
            limit = min(limit, self._max_ratio * len(ids))
        return max(1, int(limit))

    def _translation(self, hypothesis, begun):
        ids = np.concatenate([begun[1:], hypothesis.token_ids]).astype("int64")
        return Translation(self._tokenizer.decode(ids), hypothesis.score, ids)


def _checked_limit(model, max_new_tokens):
    limit = model.max_sequence_length if max_new_tokens is None else max_new_tokens
    if isinstance(limit, bool) or not limit >= 1:
        raise InputError(
            "There is at least one token to generate.",
            f"max_new_tokens={max_new_tokens!r}",
            "Pass 1 or more.",
        )
    return int(limit)
