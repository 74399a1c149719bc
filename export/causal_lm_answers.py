"""What a causal language model itself says, to compare its artefacts with."""

from collections.abc import Sequence

import numpy as np

from kzoo.export.generation_loop import Ends, kept_length
from kzoo.export.likelihood import shortfall, until_fill
from kzoo.export.plan import Plan, as_bytes, padded_rows, string_array, text_groups
from kzoo.export.rounding import Rounding
from kzoo.export.sample_texts import sample_texts
from kzoo.generation import generate_ids

_ROWS = 16


class CausalLMAnswers:
    """The plans of a causal model's validation, by generation on the host.

    Args:
        model: The model, in float32.
        ends: Where generation starts and ends.
    """

    def __init__(self, model, ends: Ends):
        self._model = model
        self._ends = ends
        self._rounding = Rounding(model)
        self._completed: dict = {}

    def ids_plan(self, samples: list[dict[str, np.ndarray]], texts=None) -> Plan:
        """Return the plan of ids to new ids.

        Args:
            samples: Inputs of the tensor form, to go on from.
            texts: More texts to go on from, or None.
        """
        calls = [{**sample, "max_new_tokens": _count(17)} for sample in samples]
        calls += [self._near_the_end(), _without_tokens(), _without_rows()]
        calls.append({**samples[0], "max_new_tokens": _count(0)})
        if texts is not None:
            more = self.encoded(list(texts), _ROWS)
            calls += [{**call, "max_new_tokens": _count(17)} for call in more]
        prompts = [
            [
                self._prompt(ids[mask > 0], int(call["max_new_tokens"]))
                for ids, mask in zip(
                    call["input_ids"], call["attention_mask"], strict=True
                )
            ]
            for call in calls
        ]
        counts = [int(call["max_new_tokens"]) for call in calls]
        rows = [
            self._generated(self._model, some, count)
            for some, count in zip(prompts, counts, strict=True)
        ]
        expected = [{"output_ids": self._filled(some)} for some in rows]

        def explains(call, row, answer):
            def ask(model):
                found = self._generated(model, [prompts[call][row]], counts[call])
                return self._filled(found, len(answer))[0]

            return self._rounding.explains(answer, ask)

        def less_probable(call, row, answer):
            fill_id, prompt = self._ends.fill_id, prompts[call][row]
            room = min(counts[call], self._ends.context - len(prompt), len(answer))
            answer = until_fill(answer, fill_id)
            # The end token is what fills a row up: the first one is the row's own.
            if fill_id == self._ends.end_id and len(answer) < room:
                answer = np.append(answer, fill_id)
            return shortfall(
                lambda ids: self._logits(prompt, ids),
                rows[call][row],
                answer,
                self._model.vocabulary_size,
            )

        return Plan(calls, expected, explains, self._ends.fill_id, less_probable)

    def text_plan(self, numbers: dict[str, np.ndarray], texts=None) -> Plan:
        """Return the plan of texts to completions.

        Args:
            numbers: The inputs beside the text, of each call.
            texts: More texts to complete, or None.
        """
        tokenizer, count = self._model.tokenizer, int(numbers["max_new_tokens"])
        own = sample_texts(self._model.max_sequence_length, tokenizer)
        every = [as_bytes(text) for text in (*own, *(texts or ()))]
        groups = text_groups(every, len(own))
        # Several signatures are asked the same.
        key = count, tuple(every)
        if key not in self._completed:
            encoded = tokenizer.encode_batch(every).ids
            prompts = [
                [self._prompt(encoded[i], count) for i in some] for some in groups
            ]
            rows = [self._generated(self._model, some, count) for some in prompts]
            self._completed[key] = prompts, rows
        prompts, rows = self._completed[key]
        calls = [
            {"text": string_array([every[i] for i in some]), **numbers}
            for some in groups
        ]

        def texts_of(some):
            return [tokenizer.decode(row.tolist()).encode() for row in some]

        def explains(call, row, answer):
            def ask(model):
                return texts_of(self._generated(model, [prompts[call][row]], count))[0]

            return self._rounding.explains(answer, ask)

        expected = [{"completion": string_array(texts_of(some))} for some in rows]
        return Plan(calls, expected, explains)

    def requests(self, numbers: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Return texts as a server will see them: one, and a batch."""
        model = self._model
        own = sample_texts(model.max_sequence_length, model.tokenizer)
        texts = [as_bytes(text) for text in own if isinstance(text, str)]
        return [{"text": string_array(texts[:size]), **numbers} for size in (1, 8)]

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as ids of the tensor form, those of like length together."""
        rows = self._model.tokenizer.encode_batch(texts).ids
        rows = sorted((self._prompt(row, 0) for row in rows), key=len)
        return [
            padded_rows(rows[start : start + batch_size])
            for start in range(0, len(rows), batch_size)
        ]

    def _logits(self, prompt, ids):
        """Return the logits of each token that follows a prompt, (T, V)."""
        text = np.array([[*prompt, *ids[:-1]]])
        return self._model({"token_ids": text})[0, len(prompt) - 1 :]

    def _near_the_end(self):
        """Return a prompt that nearly fills the context beside a short one."""
        context = self._ends.context
        rng = np.random.default_rng(13)
        lengths = np.array([[max(context - 3, 1)], [min(2, context)]])
        mask = np.arange(lengths.max()) < lengths
        ids = rng.integers(0, self._model.vocabulary_size, size=mask.shape)
        return _call(ids, mask, 7)

    def _prompt(self, ids, count):
        """Return what is read of a prompt: its end, or the start token for nothing."""
        context = self._ends.context
        ids = np.asarray(ids, "int32")
        if len(ids) > context:
            ids = ids[-kept_length(count, context) :]
        return ids if len(ids) else np.array([self._ends.start_id], "int32")

    def _generated(
        self, model, prompts: Sequence[np.ndarray], count: int
    ) -> list[np.ndarray]:
        """Return the new ids of each prompt, its end token included."""
        context, end_id = self._ends.context, self._ends.end_id
        end = np.array([] if end_id is None else [end_id], "int64")
        rows = [np.zeros(0, "int64") for _ in prompts]
        # Those whose context ends first by themselves: on the host it would move on.
        room = [min(count, context - len(prompt)) for prompt in prompts]
        batches = [[i] for i, left in enumerate(room) if 0 < left < count]
        others = [i for i, left in enumerate(room) if 0 < left == count]
        batches += [others[i : i + _ROWS] for i in range(0, len(others), _ROWS)]
        for batch in batches:
            most = room[batch[0]]
            found = generate_ids(
                model,
                [prompts[i] for i in batch],
                max_new_tokens=most,
                stop_ids=tuple(end.tolist()),
            )
            for i, row in zip(batch, found, strict=True):
                rows[i] = row if len(row) == most else np.append(row, end)
        return rows

    def _filled(self, rows, width=0):
        width = max([width, *map(len, rows)])
        filled = np.full((len(rows), width), self._ends.fill_id, "int64")
        for place, row in zip(filled, rows, strict=True):
            place[: len(row)] = row
        return filled


def _count(value):
    return np.array(value, "int32")


def _call(ids, mask, count):
    return {
        "input_ids": (ids * mask).astype("int64"),
        "attention_mask": mask.astype("int64"),
        "max_new_tokens": _count(count),
    }


def _without_tokens():
    """Return a row that has no tokens beside one that has."""
    mask = np.arange(5) < np.array([[0], [5]])
    return _call(np.ones(mask.shape), mask, 3)


def _without_rows():
    return _call(np.ones((0, 3)), np.ones((0, 3)), 3)
