import numpy as np
import pytest
import torch
import transformers

from kzoo.errors import InputError
from kzoo.generation import Filtered, Greedy, MinP, RandomSampler, TopK, TopP
from kzoo.generation.samplers import as_sampler, penalise_repetition

LOGITS = np.random.default_rng(0).standard_normal((5, 97)).astype("float32") * 3
WARPERS = {
    "temperature": (RandomSampler(0.7), [transformers.TemperatureLogitsWarper(0.7)]),
    "top-k": (
        TopK(7, temperature=2.0),
        [transformers.TemperatureLogitsWarper(2.0), transformers.TopKLogitsWarper(7)],
    ),
    "top-p": (
        TopP(0.8, temperature=1.3),
        [transformers.TemperatureLogitsWarper(1.3), transformers.TopPLogitsWarper(0.8)],
    ),
    "min-p": (MinP(0.1), [transformers.MinPLogitsWarper(0.1)]),
    "top-k and top-p": (
        Filtered([TopK(11), TopP(0.7)], temperature=1.5),
        [
            transformers.TemperatureLogitsWarper(1.5),
            transformers.TopKLogitsWarper(11),
            transformers.TopPLogitsWarper(0.7),
        ],
    ),
}


@pytest.mark.parametrize("case", WARPERS.values(), ids=WARPERS)
@pytest.mark.backend_free
def test_distributions_are_those_of_transformers(case):
    sampler, warpers = case
    scores = torch.tensor(LOGITS)
    for warper in warpers:
        scores = warper(None, scores)
    expected = torch.softmax(scores.double(), -1).numpy()
    np.testing.assert_allclose(sampler.probabilities(LOGITS), expected, atol=1e-6)


@pytest.mark.backend_free
def test_the_repetition_penalty_is_that_of_transformers():
    seen = np.random.default_rng(1).integers(0, 97, (5, 13))
    processor = transformers.RepetitionPenaltyLogitsProcessor(1.7)
    expected = processor(torch.tensor(seen), torch.tensor(LOGITS)).numpy()
    found = penalise_repetition(LOGITS, list(seen), 1.7)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.backend_free
def test_rows_and_steps_are_drawn_apart_and_again_alike():
    flat = np.zeros((40, 97), "float32")
    sampler = RandomSampler(seed=5)
    first, second = sampler(flat, 0), sampler(flat, 1)
    assert len(set(first)) > 20
    assert (first != second).any()
    np.testing.assert_array_equal(RandomSampler(seed=5)(flat, 0), first)
    assert (RandomSampler(seed=6)(flat, 0) != first).any()


@pytest.mark.backend_free
def test_what_is_not_kept_is_never_drawn():
    for sampler in (TopK(3, seed=1), TopP(0.3, seed=1), MinP(0.5, seed=1)):
        kept = sampler.probabilities(LOGITS) > 0
        for step in range(50):
            assert kept[np.arange(5), sampler(LOGITS, step)].all()


@pytest.mark.backend_free
def test_a_certain_token_is_drawn_and_the_last_one_too():
    logits = np.full((3, 11), -np.inf)
    logits[[0, 1, 2], [0, 5, 10]] = 0
    for sampler in (Greedy(), RandomSampler(), TopK(4), TopP(0.5), MinP(0.2)):
        assert sampler(logits, 3).tolist() == [0, 5, 10]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomSampler(0), "above zero.*temperature=0"),
        (lambda: RandomSampler(-1.5), "temperature=-1.5.*greedy"),
        (lambda: RandomSampler(float("nan")), "temperature=nan"),
        (lambda: TopK(0), "one token or more.*top_k=0"),
        (lambda: TopK(2.5), "top_k=2.5"),
        (lambda: TopP(0), "above 0 and at most 1.*top_p=0"),
        (lambda: TopP(1.1), "top_p=1.1"),
        (lambda: MinP(-0.1), "min_p=-0.1"),
        (lambda: as_sampler("best"), "best.*greedy"),
        (lambda: penalise_repetition(LOGITS, [np.array([1])] * 5, 0), "penalty=0"),
    ],
)
@pytest.mark.backend_free
def test_samplers_that_cannot_be(make, message):
    with pytest.raises(InputError, match=message):
        make()
