"""Requests as TensorFlow Serving logs them, in the TFRecord file it warms up from.

The package tensorflow-serving-api, which has these messages, pins old versions; the
few fields that a warm-up needs are declared here with its numbers.
"""

import functools
import pathlib

import numpy as np

# message -> fields: name, number, type. A message type is one declared before, or
# another file's.
_MESSAGES = {
    "ModelSpec": (("name", 1, "string"), ("signature_name", 3, "string")),
    # A map on the wire is a repeated message of key and value.
    "Input": (("key", 1, "string"), ("value", 2, ".tensorflow.TensorProto")),
    "PredictRequest": (("model_spec", 1, "ModelSpec"), ("inputs", 2, "*Input")),
    "PredictLog": (("request", 1, "PredictRequest"),),
    "PredictionLog": (("predict_log", 6, "PredictLog"),),
}
_PACKAGE = "kzoo.serving"


def write_requests(
    path: pathlib.Path, requests: list[tuple[str, str, dict[str, np.ndarray]]]
) -> None:
    """Write requests into a TFRecord file.

    Args:
        path: The file.
        requests: Model name, signature name and inputs of each.
    """
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for model, signature, inputs in requests:
            log = message_classes()["PredictionLog"]()
            request = log.predict_log.request
            request.model_spec.name = model
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                entry = request.inputs.add(key=name)
                entry.value.CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def read_requests(path: pathlib.Path) -> list[tuple[str, str, dict[str, np.ndarray]]]:
    """Return the requests of a TFRecord file, as `write_requests` takes them."""
    import tensorflow as tf

    requests = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = message_classes()["PredictionLog"].FromString(record)
        request = request.predict_log.request
        inputs = {item.key: tf.make_ndarray(item.value) for item in request.inputs}
        spec = request.model_spec
        requests.append((spec.name, spec.signature_name, inputs))
    return requests


@functools.cache
def message_classes() -> dict[str, type]:
    """Return the message classes by name."""
    import tensorflow as tf
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    tensor_file = tf.compat.v1.make_tensor_proto(0).DESCRIPTOR.file.name
    file = descriptor_pb2.FileDescriptorProto(
        name="kzoo/prediction_log.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[tensor_file],
    )
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, number, kind in fields:
            _declare(declared.field.add(name=name, number=number), kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _MESSAGES
    }


def _declare(field, kind):
    field.label = field.LABEL_REPEATED if kind[0] == "*" else field.LABEL_OPTIONAL
    kind = kind.removeprefix("*")
    if kind == "string":
        field.type = field.TYPE_STRING
        return
    field.type = field.TYPE_MESSAGE
    field.type_name = kind if kind[0] == "." else f".{_PACKAGE}.{kind}"
