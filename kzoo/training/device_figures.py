"""What a machine computes with: its devices, their memory, their greatest speed."""

import resource
import sys

import keras

# Dense matrix products in bfloat16 or float16 with float32 sums, FLOP/s, as the
# makers' data sheets say (without sparsity). The first name that fits counts.
_PEAKS = {
    "H200": 989.4e12,
    "H100 PCIe": 756e12,
    "H100": 989.4e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "V100": 125e12,
    "T4": 65e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
}


def device_names() -> list[str]:
    """Return the names of the accelerators that the backend sees.

    Example:
        >>> isinstance(device_names(), list)
        True
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        return [
            details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ]
    if backend == "jax":
        import jax

        return [d.device_kind for d in jax.local_devices() if d.platform != "cpu"]
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [torch.cuda.get_device_name(index) for index in range(count)]


def peak_flops(name: str, policy: str) -> float | None:
    """Return the greatest speed of a device in half precision, where it is known.

    Args:
        name: The name of the device.
        policy: The dtype policy: that of float32 depends on settings of the backend
            (TF32 or not), so that nothing is said about it.

    Returns:
        FLOP/s, or None.

    Example:
        >>> peak_flops("NVIDIA A100-SXM4-80GB", "mixed_bfloat16")
        312000000000000.0
    """
    if "16" not in policy or (("V100" in name or "T4" in name) and "bf" in policy):
        return None
    words = name.replace("-", " ").split()
    for known, peak in _PEAKS.items():
        if all(any(word == part for word in words) for part in known.split()):
            return peak
    return None


def peak_memory() -> dict[str, int]:
    """Return the most memory that this process had so far, in bytes.

    Returns:
        `host`, the resident memory; `device`, that of the first accelerator where
        the backend tells.

    Example:
        >>> peak_memory()["host"] > 0
        True
    """
    unit = 1 if sys.platform == "darwin" else 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    device = _device_peak()
    return {"host": used} if device is None else {"host": used, "device": device}


def _device_peak() -> int | None:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        stats = jax.local_devices()[0].memory_stats()
        return None if not stats else stats.get("peak_bytes_in_use")
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
