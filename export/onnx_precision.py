"""Smaller types for a graph's weights, by ONNX Runtime's own tools."""

import contextlib
import logging
import pathlib
import tempfile


def float32(model):
    """Return the graph as it is."""
    return model


def float16(model):
    """Return the graph with float16 weights and inner values.

    Inputs and outputs keep their types. LayerNormalization takes its statistics in
    float32 all the same: that is ONNX's default for it.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    from kzoo.export.onnx_order import put_in_order

    model = convert_float_to_float16(model, keep_io_types=True)
    # The converter puts casts behind the nodes that read them, and in other graphs.
    put_in_order(model.graph)
    return model


def int8(model):
    """Return the graph with 8-bit weights, a scale per column; inputs as they come.

    Weights are unsigned: `onnx_int8` says why.
    """
    from kzoo.export.onnx_int8 import has_loop_or_tied_head, quantized

    if has_loop_or_tied_head(model):
        return quantized(model)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.onnx")
        with _quiet():
            quantize_dynamic(
                model,
                path,
                per_channel=True,
                weight_type=QuantType.QUInt8,
                extra_options={"DefaultTensorType": 1},
            )
        return _loaded(path)


def int4(model):
    """Return the graph with int4 weights of matrix products, a scale per 32."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True)
    with _quiet():
        quantizer.process()
    return quantizer.model.model


@contextlib.contextmanager
def _quiet():
    """Keep the quantisers' advice on how to call them from the user's log."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _loaded(path):
    import onnx

    return onnx.load(path)


PRECISIONS = {"float32": float32, "float16": float16, "int8": int8, "int4": int4}
