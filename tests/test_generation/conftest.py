import pytest
from support.small_gpt2 import lettered_gpt2, small_gpt2


@pytest.fixture(scope="package")
def model():
    """One model for all, so that it is compiled once."""
    return small_gpt2()


@pytest.fixture(scope="package")
def other_model():
    return small_gpt2(seed=5)


@pytest.fixture(scope="package")
def lettered():
    return lettered_gpt2()
