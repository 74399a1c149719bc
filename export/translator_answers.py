"""What a translator itself says, to compare its artefacts with."""

from collections.abc import Sequence

import numpy as np

from kzoo.export.likelihood import shortfall, until_fill
from kzoo.export.options import SearchOptions
from kzoo.export.plan import Plan, as_bytes, padded_rows, string_array, text_groups
from kzoo.export.rounding import Rounding
from kzoo.export.sample_texts import sample_texts
from kzoo.export.source_rows import read_source
from kzoo.generation import BeamSearch, GreedySearch, SourceBatch, iter_translations

_ROWS = 16


class TranslatorAnswers:
    """The plans of a translator's validation, by decoding on the host.

    Args:
        model: The model, in float32.
        options: How its artefact searches.

    Attributes:
        most_tokens: The most tokens of any translation, its end included.
    """

    def __init__(self, model, options: SearchOptions):
        self._model = model
        self._options = options
        self._rounding = Rounding(model)
        self._said: dict = {}
        room = model.max_sequence_length - 1
        self.most_tokens = min(options.max_new_tokens or room, room)
        self._search = GreedySearch(length_penalty=options.length_penalty)
        if options.num_beams > 1:
            self._search = BeamSearch(
                options.num_beams, length_penalty=options.length_penalty
            )

    def sample(self, rng, batch: int, length: int, left: bool):
        """Return random ids that end with the end token, padded on one side."""
        model = self._model
        size = model.arguments["source_vocabulary_size"] or model.vocabulary_size
        lengths = rng.integers(1, length + 1, size=(batch, 1))
        lengths[0] = length
        rows = [rng.integers(0, size, count) for count in lengths[:, 0]]
        for row in rows:
            row[-1] = model.end_id
        return padded_rows(rows, width=length, left=left)

    def ids_plan(self, samples: list[dict[str, np.ndarray]], texts=None) -> Plan:
        """Return the plan of ids to new ids.

        Args:
            samples: Inputs of the tensor form.
            texts: More texts to translate, or None.
        """
        calls = [*samples, self._too_long(), self._without_words(), _without_rows()]
        if texts is not None:
            calls += self.encoded(list(texts), _ROWS)
        sources = [
            [
                self._read(ids[mask > 0])
                for ids, mask in zip(
                    call["input_ids"], call["attention_mask"], strict=True
                )
            ]
            for call in calls
        ]
        expected = [
            {"output_ids": self._filled(self._found(self._model, some))}
            for some in sources
        ]

        def explains(call, row, answer):
            def ask(model):
                found = self._found(model, [sources[call][row]])
                return self._filled(found, len(answer))[0]

            return self._rounding.explains(answer, ask)

        def less_probable(call, row, answer):
            fill_id, source = self._model.pad_id, sources[call][row]
            own = until_fill(expected[call]["output_ids"][row], fill_id)
            answer = until_fill(answer, fill_id)
            return shortfall(
                lambda ids: self._logits(source, ids),
                own,
                answer,
                self._model.vocabulary_size,
            )

        return Plan(calls, expected, explains, self._model.pad_id, less_probable)

    def text_plan(self, texts=None) -> Plan:
        """Return the plan of texts to translations and scores.

        Args:
            texts: More texts to translate, or None.
        """
        own = sample_texts(self._model.max_sequence_length)
        every = [as_bytes(text) for text in (*own, *(texts or ()))]
        groups = text_groups(every, len(own))
        key = tuple(every)
        if key not in self._said:
            # Each once; a group is then a choice of them.
            self._said[key] = self._translated(self._model, every)
        said, scores = self._said[key]
        calls = [{"text": string_array([every[i] for i in some])} for some in groups]
        expected = [
            {
                "translation": string_array([said[i] for i in some]),
                "score": scores[some],
            }
            for some in groups
        ]

        def explains(call, row, answer):
            text = every[groups[call][row]]
            return self._rounding.explains(
                answer, lambda model: self._translated(model, [text])[0][0]
            )

        return Plan(calls, expected, explains)

    def requests(self) -> list[dict[str, np.ndarray]]:
        """Return texts as a server will see them: one, and a batch."""
        own = sample_texts(self._model.max_sequence_length)
        texts = [as_bytes(text) for text in own if isinstance(text, str)]
        return [{"text": string_array(texts[:size])} for size in (1, 8)]

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as ids of the tensor form, those of like length together."""
        rows = self._model.tokenizer.encode_source(texts).ids
        read = [np.array(self._read(row) or [self._model.end_id]) for row in rows]
        read.sort(key=len)
        return [
            padded_rows(read[start : start + batch_size])
            for start in range(0, len(read), batch_size)
        ]

    def _too_long(self):
        """Return a row beyond the context beside one that fills it, and a short one."""
        rng, context = np.random.default_rng(13), self._model.max_sequence_length
        sample = self.sample(rng, 3, context + 9, left=False)
        sample["attention_mask"][1, context:] = 0
        sample["attention_mask"][2, 3:] = 0
        return sample

    def _without_words(self):
        """Return a row without tokens, one of an end alone, and one of a word."""
        end = self._model.end_id
        ids = np.array([[1, 1], [end, 1], [1, end]], "int64")
        mask = np.array([[0, 0], [1, 0], [1, 1]], "int64")
        return {"input_ids": ids, "attention_mask": mask}

    def _read(self, ids):
        context = self._model.max_sequence_length
        return read_source(ids, end_id=self._model.end_id, context=context)

    def _limit(self, row):
        if self._options.max_ratio is None:
            return self.most_tokens
        return max(1, min(self.most_tokens, int(self._options.max_ratio * len(row))))

    def _scored(self, model, sources: Sequence[list[int]]):
        """Return the ids of each translation, its end included, and its score."""
        nothing = np.zeros(0, "int64"), 0.0
        results = [nothing] * len(sources)
        full = [place for place, row in enumerate(sources) if row]
        full.sort(key=lambda place: len(sources[place]))
        for start in range(0, len(full), _ROWS):
            some = full[start : start + _ROWS]
            rows = [sources[place] for place in some]
            limits = [self._limit(row) for row in rows]
            found = self._search(
                model,
                [np.array([model.start_id])] * len(rows),
                max_new_tokens=limits,
                stop_ids=(model.end_id,),
                source=_batch(rows),
            )
            for place, limit, (best, *_) in zip(some, limits, found, strict=True):
                ids = best.token_ids
                ids = ids if len(ids) == limit else np.append(ids, model.end_id)
                results[place] = ids, best.score
        return results

    def _logits(self, source, ids):
        """Return the logits of each token of a translation, (T, V)."""
        batch = _batch([source])
        return self._model(
            {
                "encoder_token_ids": batch.token_ids,
                "encoder_padding_mask": batch.padding_mask,
                "decoder_token_ids": np.array([[self._model.start_id, *ids[:-1]]]),
            }
        )[0]

    def _found(self, model, sources):
        return [ids for ids, _ in self._scored(model, sources)]

    def _filled(self, rows, width=0):
        width = max([width, *map(len, rows)])
        filled = np.full((len(rows), width), self._model.pad_id, "int64")
        for place, row in zip(filled, rows, strict=True):
            place[: len(row)] = row
        return filled

    def _translated(self, model, texts: list):
        """Return what `translate` says of texts, as bytes, and the scores, (B,)."""
        rows = model.tokenizer.encode_source(texts).ids
        fits = [len(row) <= model.max_sequence_length for row in rows]
        options = vars(self._options)
        said = iter_translations(
            model,
            [text for text, fit in zip(texts, fits, strict=True) if fit],
            **options,
        )
        best = [found[0] for found in said]
        cut = [self._read(row) for row, fit in zip(rows, fits, strict=True) if not fit]
        # What translate refuses, read as the artefact does.
        scored = iter(self._scored(model, cut))
        answers, scores = iter(best), []
        translations = []
        for fit in fits:
            if fit:
                answer = next(answers)
                translations.append(answer.text.encode())
                scores.append(answer.score)
            else:
                ids, score = next(scored)
                translations.append(model.tokenizer.decode(ids.tolist()).encode())
                scores.append(score)
        return translations, np.array(scores, "float32")


def _batch(rows):
    ids, mask = padded_rows([np.array(row) for row in rows]).values()
    return SourceBatch(ids.astype("int32"), mask > 0)


def _without_rows():
    return dict.fromkeys(("input_ids", "attention_mask"), np.ones((0, 3), "int64"))
