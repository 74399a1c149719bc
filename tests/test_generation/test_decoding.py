import gc
import weakref

import keras
import numpy as np
import pytest
from support.small_gpt2 import (
    CONTEXT,
    greedy_text,
    last_logits,
    prompts,
    small_gpt2,
)

from kzoo.errors import InputError
from kzoo.generation import (
    RandomSampler,
    TopP,
    check_prompts,
    compiled,
    generate_ids,
    token_steps,
)
from kzoo.generation.prompts import PromptBatch
from kzoo.generation.session import Session


def test_greedy_ids_are_those_of_whole_calls(model):
    found = generate_ids(model, prompts(), max_new_tokens=17)
    for prompt, ids in zip(prompts(), found, strict=True):
        assert ids.tolist() == greedy_text(model, prompt, 17)
    assert len({tuple(ids) for ids in found}) == len(found)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch records calls")
def test_what_a_recording_gave_is_not_kept(model):
    made = []

    def function(x):
        made.append(weakref.ref(y := x * 2))
        return (y,)

    call = compiled.compiled(function, model)
    for length in (3, 4):
        assert call(np.ones(length))[0].shape == (length,)
    gc.collect()
    assert len(made) == 2
    assert not any(found() is not None for found in made)


def test_a_prompt_alone_gives_what_it_gives_among_others(model):
    together = generate_ids(model, prompts(), max_new_tokens=11)
    for prompt, ids in zip(prompts(), together, strict=True):
        (alone,) = generate_ids(model, [prompt], max_new_tokens=11)
        assert alone.tolist() == ids.tolist()


def test_cached_logits_are_those_of_a_whole_call(model):
    session = Session(model, PromptBatch.of(prompts()), 5)
    texts = [list(prompt) for prompt in prompts()]
    for _ in range(5):
        logits = session.logits()
        for row, text in zip(logits, texts, strict=True):
            np.testing.assert_allclose(row, last_logits(model, text), atol=1e-4)
            text.append(int(row.argmax()))
        session.extend(np.array([text[-1:] for text in texts]))


def test_several_tokens_at_once_and_rewinding(model):
    (prompt,) = prompts((7,))
    new = greedy_text(model, prompt, 6)
    session = Session(model, PromptBatch.of([prompt]), 11)
    session.extend(np.array([[1, 2, 3]]))  # another text, to be forgotten
    session.rewind(session.index - 3)
    session.extend(np.array([new[:4]]))
    assert session.all_best()[0].tolist() == new[1:5]
    session.extend(np.array([[new[4]]]))
    assert session.best()[0] == new[5]


def test_rows_are_reordered(model):
    rows = prompts()
    session = Session(model, PromptBatch.of(rows), 5)
    first = session.best()
    session.reorder(np.array([2, 0, 2]))
    session.extend(first[[2, 0, 2], None])
    expected = [greedy_text(model, rows[i], 2)[1] for i in (2, 0, 2)]
    assert session.best().tolist() == expected


def test_stop_ids_end_a_row_and_leave_the_others(model):
    texts = [greedy_text(model, prompt, 12) for prompt in prompts()]
    stop = texts[1][4]
    found = generate_ids(model, prompts(), max_new_tokens=12, stop_ids=[stop])
    for text, ids in zip(texts, found, strict=True):
        end = text.index(stop) if stop in text else len(text)
        assert ids.tolist() == text[:end]


def test_no_step_after_all_rows_are_finished(model):
    finished = np.zeros(2, bool)
    steps = token_steps(model, prompts((3, 5)), max_new_tokens=9, finished=finished)
    next(steps)
    finished[:] = True
    with pytest.raises(StopIteration):
        next(steps)


def test_beyond_the_context_the_older_half_is_dropped(model):
    (prompt,) = prompts((CONTEXT - 3,))
    (ids,) = generate_ids(model, [prompt], max_new_tokens=9)
    text = list(prompt)
    for token in ids:
        if len(text) > CONTEXT:
            text = text[-(CONTEXT // 2) :]
        assert int(last_logits(model, text).argmax()) == token
        text.append(int(token))
    assert len(ids) == 9


def test_a_seed_gives_the_same_text_again(model):
    def texts(seed):
        sampler = TopP(0.9, seed=seed)
        found = generate_ids(model, prompts(), max_new_tokens=9, sampler=sampler)
        return [ids.tolist() for ids in found]

    assert texts(3) == texts(3)
    assert texts(3) != texts(4)


def test_what_is_drawn_has_the_models_distribution(model):
    """A chi-square test on the first token, at 1 in 1,000."""
    (prompt,) = prompts((5,))
    temperature = 8.0
    logits = last_logits(model, prompt).astype("float64") / temperature
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    sampler = RandomSampler(temperature, seed=7)
    drawn = sampler(np.tile(last_logits(model, prompt), (5000, 1)), 0)
    counts = np.bincount(drawn, minlength=len(probabilities))
    expected = probabilities * len(drawn)
    likely = expected >= 5
    rest = expected[~likely].sum(), counts[~likely].sum()
    statistic = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    statistic += (rest[1] - rest[0]) ** 2 / max(rest[0], 1)
    freedom = likely.sum()
    # Wilson and Hilferty's approximation of the quantile of 0.999.
    bound = freedom * (1 - 2 / (9 * freedom) + 3.09 * np.sqrt(2 / (9 * freedom))) ** 3
    assert statistic < bound


def test_a_repetition_penalty_keeps_seen_tokens_away(model):
    (prompt,) = prompts((5,))
    (ids,) = generate_ids(model, [prompt], max_new_tokens=20, repetition_penalty=1e6)
    whole = [*prompt.tolist(), *ids.tolist()]
    assert len(set(whole[5:])) == 20
    assert not set(whole[5:]) & set(whole[:5])


def test_logits_that_are_no_numbers():
    broken = small_gpt2()
    broken.final_norm.gamma.assign(np.full(42, np.nan))
    with pytest.raises(InputError, match="finite numbers.*NaN.*damaged"):
        generate_ids(broken, prompts((3,)), max_new_tokens=2)


def test_new_weights_are_seen_without_compiling_again(other_model):
    changing = small_gpt2()
    before = generate_ids(changing, prompts(), max_new_tokens=7)
    changing.set_weights(other_model.get_weights())
    after = generate_ids(changing, prompts(), max_new_tokens=7)
    expected = generate_ids(other_model, prompts(), max_new_tokens=7)
    assert [x.tolist() for x in after] == [x.tolist() for x in expected]
    assert [x.tolist() for x in after] != [x.tolist() for x in before]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = small_gpt2()
    finally:
        keras.config.set_dtype_policy("float32")
    found = generate_ids(model, prompts(), max_new_tokens=5)
    assert [len(ids) for ids in found] == [5] * 4


CHECKED = {"vocabulary_size": 97, "context": 31, "max_new_tokens": 8}


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([[]], {}, "at least one token.*prompt 0 with none"),
        ([[1], [97]], {}, "model's vocabulary.*id 97 in prompt 1.*vocabulary_size=97"),
        ([[-1]], {}, "id -1 in prompt 0"),
        ([[1]], {"max_new_tokens": 0}, "at least one token to gen.*max_new_tokens=0"),
        ([[1] * 24], {}, "context together.*24 tokens.*max_new_tokens=8.*31.*left"),
        ([[1] * 31], {"max_new_tokens": None}, "context together"),
        ([[1]], {"truncate": "right"}, "on its left or not at all"),
    ],
)
def test_prompts_that_cannot_be(rows, changes, message):
    with pytest.raises(InputError, match=message):
        check_prompts(rows, **{**CHECKED, **changes})


def test_truncation_keeps_the_end_and_leaves_room():
    rows, count = check_prompts([list(range(40))], **CHECKED, truncate="left")
    assert (rows[0].tolist(), count) == (list(range(17, 40)), 8)
    rows, count = check_prompts([[5] * 23], **{**CHECKED, "max_new_tokens": None})
    assert (len(rows[0]), count) == (23, 8)


def test_a_model_and_what_is_compiled_for_it_go_together():
    model = small_gpt2()
    generate_ids(model, prompts((3,)), max_new_tokens=2)
    alive = weakref.ref(model)
    keras.backend.clear_session()
    del model
    gc.collect()
    assert alive() is None
