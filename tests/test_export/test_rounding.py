"""When another answer is excused: where rounding alone decides."""

import keras
import numpy as np
import pytest
from support.small_gpt2 import small_gpt2
from support.small_translator import small_translator, sources

from kzoo.export.causal_lm_answers import CausalLMAnswers
from kzoo.export.comparing import CRITERIA, compare
from kzoo.export.generation_loop import Ends
from kzoo.export.options import SearchOptions
from kzoo.export.rounding import NudgedModel, Rounding
from kzoo.export.signature import Signature, TensorSpec
from kzoo.export.translator_answers import TranslatorAnswers

pytestmark = pytest.mark.tensorflow_only


def test_logits_are_moved_by_no_more_than_they_say():
    model = small_gpt2()
    x = np.random.default_rng(0).normal(size=(3, 5, 42)).astype("float32")
    before = keras.ops.convert_to_numpy(model.head(x))
    moved = keras.ops.convert_to_numpy(NudgedModel(model, 1e-3, 7).head(x))
    assert 9e-4 < np.abs(moved - before).max() < 1.1e-3
    assert len(np.unique((moved - before)[0, 0].round(5))) > 20
    assert NudgedModel(model, 1e-3, 7).vocabulary_size == model.vocabulary_size


def twins(model, table, first, second):
    """Let two tokens be as good as each other wherever they come."""
    values = keras.ops.convert_to_numpy(table.embeddings).copy()
    values[second] = values[first]
    table.embeddings.assign(values)


def answers_of(model, count):
    """Return the plan of one prompt, and the model's ids."""
    answers = CausalLMAnswers(model, Ends(0, None, -1, model.max_sequence_length))
    ids = np.array([[3, 11, 5]])
    call = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    plan = answers.ids_plan([call])
    return plan, plan.expected[0]["output_ids"][0]


@pytest.mark.slow
def test_the_other_of_two_equal_tokens_is_excused_and_no_third():
    model = small_gpt2()
    _, ids = answers_of(model, 17)
    token, other, third = int(ids[4]), 29, 31
    assert not {other, third} & set(ids.tolist())
    twins(model, model.token, token, other)
    plan, ids = answers_of(model, 17)
    place = next(i for i, x in enumerate(ids) if x in (token, other))
    # Both have one embedding too, so that what follows is the same.
    swapped = ids.copy()
    swapped[place] = token + other - ids[place]
    assert plan.explains(0, 0, swapped)
    # A tie comes later, but the rows part before it, or at another token.
    early, wrong = swapped.copy(), ids.copy()
    early[place - 1] = third
    wrong[place] = third
    assert not plan.explains(0, 0, early)
    assert not plan.explains(0, 0, wrong)


@pytest.mark.slow
def test_what_follows_a_tie_is_the_models_too():
    model = small_gpt2()
    _, ids = answers_of(model, 17)
    token, other, third = int(ids[2]), 29, 31
    twins(model, model.token, token, other)
    plan, ids = answers_of(model, 17)
    place = next(i for i, x in enumerate(ids) if x in (token, other))
    later = ids.copy()
    later[place] = token + other - ids[place]
    later[-1] = third
    assert not plan.explains(0, 0, later)


def test_nobody_is_asked_for_ever():
    asked = []
    rounding = Rounding(small_gpt2())

    def ask(model):
        asked.append(model)
        return np.zeros(3)

    for _ in range(7):
        assert not rounding.explains(np.ones(3), ask)
    assert len(asked) == 3 * 9


@pytest.mark.slow
def test_equal_beams_of_a_translator():
    model = small_translator(num_layers=1)
    options = SearchOptions(num_beams=3, max_new_tokens=11)
    (source,) = sources((5,))
    call = {
        "input_ids": np.array([source]),
        "attention_mask": np.ones((1, 5), "int64"),
    }
    plan = TranslatorAnswers(model, options).ids_plan([call])
    token = int(plan.expected[0]["output_ids"][0, 0])
    twins(model, model.target_token, token, 29)
    plan = TranslatorAnswers(model, options).ids_plan([call])
    ids = plan.expected[0]["output_ids"][0]
    places = np.flatnonzero(np.isin(ids, (token, 29)))
    swapped = ids.copy()
    swapped[places[0]] = token + 29 - ids[places[0]]
    assert plan.explains(0, 0, swapped)
    wrong = ids.copy()
    wrong[places[0]] = 31
    assert not plan.explains(0, 0, wrong)


def test_a_score_is_compared_where_the_text_is_the_same():
    score = TensorSpec("score", "float32", ("batch",))
    text = TensorSpec("translation", "string", ("batch",))
    signature = Signature("text", (), (text, score))
    calls = [{"text": np.array(["a", "b"], object)}]
    wanted = [
        {
            "translation": np.array([b"x", b"y"], object),
            "score": np.array([-1.0, -2.0], "float32"),
        }
    ]
    found = [
        {
            "translation": np.array([b"x", b"z"], object),
            "score": np.array([-1.0, -9.0], "float32"),
        }
    ]

    def judged(found, explained):
        return compare(
            signature,
            calls,
            found,
            wanted,
            CRITERIA["float32"],
            [],
            explains=lambda *_: explained,
        )

    report = judged(found, True)
    assert report.passed
    assert (report.rows, report.rows_identical) == (2, 1)
    assert report.max_absolute == 0
    report = judged(found, False)
    assert not report.passed
    assert "another text" in report.reasons[0]
    found[0]["score"][0] = -1.001
    assert "score differs by" in judged(found, True).reasons[0]
