"""The layers' tests compile near a thousand tiny programs, each of which runs once."""

import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    """Let XLA compile fast, not well; the tests of models run what it optimises."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
