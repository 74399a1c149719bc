import itertools

import keras
import numpy as np
import pytest
import torch
import transformers
from support.small_gpt2 import greedy_text, last_logits, prompts, small_gpt2

from kzoo.errors import InputError
from kzoo.generation import BeamSearch, ContrastiveSearch, GreedySearch, Speculative

COUNT = 9


def log_softmax(logits):
    shifted = logits.astype("float64") - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


@pytest.mark.slow_on("tensorflow")
def test_wide_beams_find_the_most_probable_of_all_texts():
    """Half the vocabulary, two steps: compared with every text there is."""
    model = small_gpt2(vocabulary_size=8, seed=2)
    (prompt,) = prompts((3,), vocabulary_size=8)
    every = []
    for text in itertools.product(range(8), repeat=2):
        ids, score = list(prompt), 0.0
        for token in text:
            score += log_softmax(last_logits(model, ids))[token]
            ids.append(token)
        every.append((score / 2, text))
    every.sort(reverse=True)
    (found,) = BeamSearch(4, num_results=3)(model, [prompt], max_new_tokens=2)
    best = [h.token_ids.tolist() for h in found]
    assert best[0] == list(every[0][1])
    assert found[0].score == pytest.approx(every[0][0], abs=1e-4)


@pytest.mark.parametrize("early", [True, False, "never"])
@pytest.mark.parametrize("penalty", [1.0, 0.0, 2.5])
def test_beams_are_those_of_transformers(early, penalty, model, tmp_path):
    model.export_to_transformers(tmp_path)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    stop = greedy_text(model, prompts()[0], 5)[3]
    search = BeamSearch(3, length_penalty=penalty, early_finish=early, num_results=2)
    found = search(model, prompts(), max_new_tokens=COUNT, stop_ids=[stop])
    for prompt, hypotheses in zip(prompts(), found, strict=True):
        ids = torch.tensor(prompt[None])
        output = theirs.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            num_beams=3,
            num_return_sequences=2,
            max_new_tokens=COUNT,
            do_sample=False,
            length_penalty=penalty,
            early_stopping=early,
            eos_token_id=stop,
            pad_token_id=0,
            output_scores=True,
            return_dict_in_generate=True,
        )
        for hypothesis, row, score in zip(
            hypotheses, output.sequences, output.sequences_scores, strict=True
        ):
            expected = row[len(prompt) :].tolist()
            if stop in expected:
                expected = expected[: expected.index(stop)]
            assert hypothesis.token_ids.tolist() == expected[:COUNT]
            assert hypothesis.score == pytest.approx(float(score), abs=1e-4)


def test_one_beam_is_greedy(model):
    found = BeamSearch(1)(model, prompts(), max_new_tokens=COUNT)
    for prompt, (hypothesis,) in zip(prompts(), found, strict=True):
        assert hypothesis.token_ids.tolist() == greedy_text(model, prompt, COUNT)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("right", [True, False])
def test_speculative_decoding_is_greedy(count, right, model, other_model):
    """With a draft that is always right, and one that hardly ever is."""
    draft = model if right else other_model
    rows = prompts((7, 3))
    found = Speculative(draft, count)(model, rows, max_new_tokens=14)
    for prompt, (hypothesis,) in zip(rows, found, strict=True):
        assert hypothesis.token_ids.tolist() == greedy_text(model, prompt, 14)
        if right:
            assert hypothesis.score > 0.9


def test_speculative_decoding_stops(model):
    (prompt,) = prompts((5,))
    text = greedy_text(model, prompt, 12)
    search = Speculative(model, 4)
    ((found,),) = search(model, [prompt], max_new_tokens=12, stop_ids=[text[6]])
    assert found.token_ids.tolist() == text[: text.index(text[6])]


def test_contrastive_search_is_its_formula(model):
    k, alpha = 3, 0.6
    rows = prompts((3, 7))
    found = ContrastiveSearch(k, alpha)(model, rows, max_new_tokens=6)

    def hidden(ids):
        padded = np.zeros((1, 31), "int32")  # one length: JAX compiles once
        padded[0, : len(ids)] = ids
        cache = model.make_cache(1, 0)
        x, _ = model.call_with_cache(keras.ops.convert_to_tensor(padded), cache)
        x = keras.ops.convert_to_numpy(keras.ops.stop_gradient(x))[0, : len(ids)]
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    for prompt, (hypothesis,) in zip(rows, found, strict=True):
        ids = prompt.tolist()
        for token in hypothesis.token_ids:
            probabilities = np.exp(log_softmax(last_logits(model, ids)))
            best, winner = -np.inf, None
            for candidate in np.argsort(-probabilities)[:k]:
                states = hidden([*ids, int(candidate)])
                likeness = (states[:-1] @ states[-1]).max()
                score = (1 - alpha) * probabilities[candidate] - alpha * likeness
                if score > best:
                    best, winner = score, int(candidate)
            assert winner == token
            ids.append(winner)


def test_contrastive_search_without_contrast_is_greedy(model):
    found = ContrastiveSearch(4, 0.0)(model, prompts(), max_new_tokens=COUNT)
    for prompt, (hypothesis,) in zip(prompts(), found, strict=True):
        assert hypothesis.token_ids.tolist() == greedy_text(model, prompt, COUNT)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BeamSearch(0), "one beam or more.*num_beams=0"),
        (lambda: BeamSearch(2, num_results=3), "num_results=3"),
        (lambda: BeamSearch(2, early_finish="soon"), "early_finish='soon'"),
        (lambda: BeamSearch(2, no_repeat_ngram=-1), "no_repeat_ngram=-1"),
        (lambda: GreedySearch(no_repeat_ngram=-1), "no_repeat_ngram=-1"),
        (lambda: ContrastiveSearch(0), "k=0"),
        (lambda: ContrastiveSearch(alpha=1.5), "alpha=1.5"),
        (lambda: Speculative(None, 0), "num_draft_tokens=0"),
    ],
)
def test_searches_that_cannot_be(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_beams_wider_than_the_vocabulary():
    model = small_gpt2(vocabulary_size=8)
    with pytest.raises(InputError, match="vocabulary of 8 tokens.*at most 4 beams"):
        BeamSearch(5)(model, prompts((3,), vocabulary_size=8), max_new_tokens=2)


@pytest.mark.parametrize("beams", [1, 3])
def test_as_many_stop_ids_as_leave_each_beam_a_token(beams, model):
    stops = range(97 - beams)
    found = BeamSearch(beams, num_results=beams, early_finish="never")(
        model, prompts((3, 7)), max_new_tokens=4, stop_ids=stops
    )
    assert [len(row) for row in found] == [beams, beams]
    ids = np.concatenate([h.token_ids for row in found for h in row])
    assert not np.isin(ids, stops).any()
    with pytest.raises(InputError, match=f"num_beams={beams}, 97 stop ids.*97 tokens"):
        BeamSearch(beams)(model, prompts((3,)), max_new_tokens=2, stop_ids=range(97))


def test_a_draft_of_another_vocabulary(model):
    search = Speculative(small_gpt2(vocabulary_size=11))
    with pytest.raises(InputError, match="vocabularies of 11 and 97"):
        search(model, prompts((3,)), max_new_tokens=2)
