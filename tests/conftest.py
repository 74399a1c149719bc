"""What every test shares: the backend, the data folder, the marks."""

import gc
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# isort: off
import torch  # noqa: F401  before tensorflow: the other order clashes in OpenMP

# isort: on
import keras
import pytest

if keras.backend.backend() == "tensorflow":
    # Two devices for what is trained on several; it cannot be done later.
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )

if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_num_cpu_devices", 4)

# The pass in which a test of a mark runs, the first if it has both. What depends on no
# backend has its home where nothing is traced or compiled before it runs.
HOMES = {"tensorflow_only": "tensorflow", "backend_free": "torch"}
SHARED_DATA = pathlib.Path(__file__).parents[2] / "shared" / "data"


def pytest_configure(config):
    """Keep what JAX compiles, so that a second run is quick."""
    if not hasattr(config, "cache"):
        return
    folder = str(config.cache.mkdir("jax"))
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    if keras.backend.backend() == "jax":  # which has read its environment by now
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


def pytest_collection_modifyitems(config, items):
    """Skip what does not belong to this backend's pass."""
    for item in items:
        homes = [HOMES[mark] for mark in HOMES if item.get_closest_marker(mark)]
        if homes and keras.backend.backend() != homes[0]:
            reason = f"runs in the {homes[0]} pass"
            item.add_marker(pytest.mark.skip(reason=reason))
        if _is_slow(item) and not config.getoption("-m"):
            item.add_marker(pytest.mark.skip(reason="slow: make test-slow"))


def _is_slow(item):
    """Return whether a test waits for the slow pass, here or anywhere."""
    named = {name for mark in item.iter_markers("slow_on") for name in mark.args}
    return bool(item.get_closest_marker("slow")) or keras.backend.backend() in named


@pytest.fixture(autouse=True)
def _fresh_state():
    """Give every test the same seeds, float32 and no leftover graph state."""
    keras.utils.set_random_seed(1)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module", autouse=True)
def _few_objects_to_look_through():
    """Leave what a module's tests made out of all later garbage collections.

    TensorFlow keeps some twenty thousand objects of every test, and to look through
    millions of them takes seconds, each time that there is something to collect.
    """
    yield
    if keras.backend.backend() == "tensorflow":
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """Return the folder of real data, or skip where it is absent."""
    folder = pathlib.Path(os.environ.get("KZOO_DATA", SHARED_DATA))
    if not folder.is_dir():
        pytest.skip(f"real data is absent: no folder {folder} (KZOO_DATA names it)")
    return folder
