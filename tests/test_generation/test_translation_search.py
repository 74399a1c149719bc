"""Searches of a model with an encoder, against transformers and every text there is."""

import keras
import numpy as np
import pytest
import torch
from support.small_translator import (
    PAD,
    marian_folder,
    padded,
    small_translator,
    sources,
)

from kzoo.errors import InputError
from kzoo.generation import (
    BeamSearch,
    ContrastiveSearch,
    GreedySearch,
    SourceBatch,
    Speculative,
    TopP,
    generate_ids,
)
from kzoo.models import Translator

START = np.array([PAD])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A Marian of transformers, and the same model read by us."""
    folder = tmp_path_factory.mktemp("marian")
    huggingface = marian_folder(folder, tie_word_embeddings=False)
    return huggingface, Translator.from_preset(folder)


@pytest.fixture(scope="module")
def model():
    return small_translator()


def found_by_transformers(huggingface, rows, **options):
    ids, mask = padded(rows)
    with torch.no_grad():
        return huggingface.generate(
            torch.tensor(ids),
            attention_mask=torch.tensor(mask).long(),
            bad_words_ids=[[PAD]],
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        )


def without_special(row):
    text = [int(i) for i in row[1:]]
    return text[: text.index(0)] if 0 in text else [i for i in text if i != PAD]


def search_ids(search, model, rows, **options):
    """Return the hypotheses of every row."""
    return search(
        model,
        [START] * len(rows),
        stop_ids=(0,),
        source=SourceBatch.of(rows, PAD),
        **{"max_new_tokens": 13, **options},
    )


def test_greedy_ids_are_those_of_transformers(pair):
    huggingface, ours = pair
    expected = found_by_transformers(
        huggingface, sources(), num_beams=1, do_sample=False, max_new_tokens=13
    )
    expected = [without_special(row) for row in expected.sequences]
    found = search_ids(GreedySearch(), ours, sources())
    assert [h[0].token_ids.tolist() for h in found] == expected
    source = SourceBatch.of(sources(), PAD)
    sampled = generate_ids(
        ours, [START] * 4, max_new_tokens=13, stop_ids=(0,), source=source
    )
    assert [ids.tolist() for ids in sampled] == expected
    assert len({tuple(ids) for ids in expected}) == len(expected)


@pytest.mark.parametrize("early", [True, False, "never"])
@pytest.mark.parametrize("penalty", [1.0, 0.6, 0.0])
def test_beams_are_those_of_transformers(pair, early, penalty):
    huggingface, ours = pair
    expected = found_by_transformers(
        huggingface,
        sources(),
        num_beams=4,
        num_return_sequences=3,
        length_penalty=penalty,
        early_stopping=early,
        max_new_tokens=13,
    )
    search = BeamSearch(4, length_penalty=penalty, early_finish=early, num_results=3)
    found = [h for row in search_ids(search, ours, sources()) for h in row]
    texts = [without_special(row) for row in expected.sequences]
    assert [h.token_ids.tolist() for h in found] == texts
    np.testing.assert_allclose(
        [h.score for h in found], expected.sequences_scores.numpy(), atol=1e-4
    )


def test_no_ngram_comes_twice_as_in_transformers(pair):
    huggingface, ours = pair
    options = {"num_beams": 3, "no_repeat_ngram_size": 2, "max_new_tokens": 19}
    expected = found_by_transformers(
        huggingface, sources(), early_stopping=False, **options
    )
    search = BeamSearch(3, no_repeat_ngram=2)
    found = search_ids(search, ours, sources(), max_new_tokens=19)
    texts = [h[0].token_ids.tolist() for h in found]
    assert texts == [without_special(row) for row in expected.sequences]
    plain = search_ids(BeamSearch(3), ours, sources(), max_new_tokens=19)
    assert texts != [h[0].token_ids.tolist() for h in plain]
    greedy = search_ids(GreedySearch(no_repeat_ngram=1), ours, sources())
    for (hypothesis,) in greedy:
        assert len(set(hypothesis.token_ids)) == len(hypothesis.token_ids)


def next_log_probabilities(model, source, texts):
    """Return log p of every next token after texts of one length, by a plain call."""
    ids = np.array([source] * len(texts))
    inputs = {
        "encoder_token_ids": ids,
        "encoder_padding_mask": ids >= 0,
        "decoder_token_ids": np.array([[model.start_id, *text] for text in texts]),
    }
    logits = keras.ops.log_softmax(model(inputs), axis=-1)
    return keras.ops.convert_to_numpy(logits)  # (B, T, V)


def log_probability(model, source, text):
    """Return log p of a whole text, its end included."""
    found = next_log_probabilities(model, source, [text[:-1]])[0]
    return found[np.arange(len(text)), text].sum()


@pytest.mark.slow_on("jax")
def test_wide_beams_find_the_best_of_all_texts():
    tiny = small_translator(vocabulary_size=31, pad_id=30, num_layers=1, seed=3)
    source, limit, letters = [4, 2, 0], 3, range(1, 30)
    known, best = {(): 0.0}, (-np.inf, ())
    for length in range(1, limit + 1):
        found = next_log_probabilities(tiny, source, list(known))[:, -1]
        longer = {}
        for row, (text, so_far) in zip(found, known.items(), strict=True):
            longer.update({(*text, token): so_far + row[token] for token in letters})
            best = max(best, ((so_far + row[0]) / length, text))
        known = longer
    best = max(best, *((score / limit, text) for text, score in known.items()))
    assert len(known) == 29**3
    ((found,),) = BeamSearch(15, early_finish="never")(
        tiny,
        [np.array([30])],
        max_new_tokens=limit,
        stop_ids=(0,),
        source=SourceBatch.of([source], 30),
    )
    assert tuple(found.token_ids) == best[1]
    assert found.score == pytest.approx(best[0], abs=1e-5)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    "search",
    [GreedySearch(), BeamSearch(3), BeamSearch(5, length_penalty=0.3)],
    ids=["greedy", "three beams", "five beams"],
)
def test_a_text_alone_gives_what_it_gives_among_others(model, search):
    rows = sources()
    together = search_ids(search, model, rows)
    for row, ((hypothesis, *_)) in zip(rows, together, strict=True):
        ((alone, *_),) = search_ids(search, model, [row])
        assert alone.token_ids.tolist() == hypothesis.token_ids.tolist()
        assert alone.score == pytest.approx(hypothesis.score, abs=1e-5)


def test_greedy_scores_are_the_texts_probability(model):
    row = sources()[1]
    ((found,),) = search_ids(GreedySearch(length_penalty=0.0), model, [row])
    text = [*found.token_ids, 0] if len(found.token_ids) < 13 else found.token_ids
    expected = log_probability(model, row, list(text))
    assert found.score == pytest.approx(expected, abs=1e-4)


def test_each_row_has_a_limit_of_its_own(model):
    limits = [2, 5, 3, 13]
    for search in (GreedySearch(), BeamSearch(3)):
        whole = search_ids(search, model, sources())
        found = search_ids(search, model, sources(), max_new_tokens=limits)
        lengths = [len(h[0].token_ids) for h in found]
        assert all(n <= limit for n, limit in zip(lengths, limits, strict=True))
        assert found[3][0].token_ids.tolist() == whole[3][0].token_ids.tolist()


@pytest.mark.slow_on("jax")
def test_caches_widen_for_long_translations(model):
    # The caches begin with room for the source's length and a few more.
    (short,) = search_ids(BeamSearch(2), model, sources((2,)), max_new_tokens=37)
    row = sources((2,))[0]
    text = [*short[0].token_ids]
    assert len(text) > 20
    whole = text if len(text) == 37 else [*text, 0]
    expected = log_probability(model, row, whole) / len(whole)
    assert short[0].score == pytest.approx(expected, abs=1e-4)


def test_padding_is_never_generated():
    # The bias makes padding the most probable token of all.
    biased = small_translator(logits_bias=True)
    bias = np.zeros((1, biased.vocabulary_size), "float32")
    bias[0, PAD] = 1e4
    biased.logits_bias.assign(bias)
    source = SourceBatch.of(sources(), PAD)
    for search in (GreedySearch(), BeamSearch(3)):
        for hypothesis, *_ in search_ids(search, biased, sources()):
            assert PAD not in hypothesis.token_ids
    drawn = generate_ids(
        biased,
        [START] * 4,
        max_new_tokens=5,
        sampler=TopP(0.99, seed=1),
        source=source,
    )
    assert all(PAD not in ids for ids in drawn)


def test_speculative_is_greedy_and_contrastive_runs(model):
    draft = small_translator(seed=5, num_layers=1)
    greedy = search_ids(GreedySearch(), model, sources())
    for search in (Speculative(draft), Speculative(model)):
        found = search_ids(search, model, sources())
        for mine, expected in zip(found, greedy, strict=True):
            assert mine[0].token_ids.tolist() == expected[0].token_ids.tolist()
    # With no weight on unlikeness contrastive search is greedy.
    found = search_ids(ContrastiveSearch(k=3, alpha=0.0), model, sources())
    for mine, expected in zip(found, greedy, strict=True):
        assert mine[0].token_ids.tolist() == expected[0].token_ids.tolist()


def test_beams_wider_than_the_vocabulary_are_refused(model):
    with pytest.raises(InputError, match="num_beams=49.*96 tokens.*at most 48 beams"):
        search_ids(BeamSearch(49), model, sources())


def test_a_negative_ngram_is_refused():
    with pytest.raises(InputError, match="no_repeat_ngram=-1"):
        BeamSearch(no_repeat_ngram=-1)
