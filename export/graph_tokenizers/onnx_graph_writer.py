"""Writing an ONNX graph as one writes an expression."""

import numpy as np

CUSTOM = "ai.onnx.contrib"  # the domain of onnxruntime-extensions


class OnnxGraphWriter:
    """Collects nodes and constants, every name under one prefix.

    Args:
        prefix: What each name begins with, so that graphs can be merged.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes = []
        self.constants = []
        self._known: dict = {}
        self._count = 0

    def constant(self, value, dtype: str = "int32") -> str:
        """Return the name of a constant.

        Args:
            value: A number, an array, or bytes or a list of bytes.
            dtype: Of a value that is no array and no bytes.

        Returns:
            The name; equal small constants have the same.
        """
        from onnx import TensorProto, numpy_helper

        strings = [value] if isinstance(value, bytes) else value
        if isinstance(strings, list) and strings and isinstance(strings[0], bytes):
            key = tuple(strings)
            if key not in self._known:
                name = self._known[key] = self._name("strings")
                self.constants.append(
                    TensorProto(
                        name=name,
                        data_type=TensorProto.STRING,
                        dims=[len(strings)],
                        string_data=strings,
                    )
                )
            return self._known[key]
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self._known[key] = self._name("constant")
            self.constants.append(numpy_helper.from_array(array, name))
        return self._known[key]

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self.prefix}{kind}_{self._count}"

    def op(self, kind: str, *inputs: str | int, domain: str = "", **attributes) -> str:
        """Add a node with one output.

        Args:
            kind: The operator.
            *inputs: Names; a number stands for an int32 constant.
            domain: The operator's domain.
            **attributes: The operator's attributes.

        Returns:
            The name of the output.
        """
        return self.several(1, kind, *inputs, domain=domain, **attributes)[0]

    def custom(self, kind: str, *inputs: str | int, **attributes) -> str:
        """Add a node of onnxruntime-extensions; see `op`."""
        return self.op(kind, *inputs, domain=CUSTOM, **attributes)

    def several(
        self,
        outputs: int,
        kind: str,
        *inputs: str | int,
        domain: str = "",
        **attributes,
    ) -> list[str]:
        """Add a node with several outputs and return their names; see `op`."""
        from onnx import helper

        names = [self.constant(x) if isinstance(x, int) else x for x in inputs]
        results = [self._name(kind) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(
                kind, names, results, name=results[0], domain=domain, **attributes
            )
        )
        return results

    def name_output(self, source: str, name: str) -> None:
        """Give a result its public name."""
        from onnx import helper

        self.nodes.append(
            helper.make_node("Identity", [source], [name], name=self._name("Identity"))
        )

    def axis(self, *axes: int) -> str:
        """Return a constant int64 list, as shapes and axes are."""
        return self.constant(list(axes), "int64")

    def gather(self, table, indices: str) -> str:
        """Return `table[indices]`.

        Args:
            table: An array or a name.
            indices: A name; `(N,)` where the table is an array of one dimension.

        Returns:
            The name of the result.
        """
        if not isinstance(table, np.ndarray):
            return self.op("Gather", table, indices, axis=0)
        name = self.constant(table)
        if table.ndim > 1:
            return self.op("Gather", name, indices, axis=0)
        # The same thing, and several times faster in ONNX Runtime.
        return self.op("GatherElements", name, indices, axis=0)

    def shifted(self, values: str, by: int) -> str:
        """Return where each place has the value `by` places further; 0 beyond.

        Args:
            values: int32 `(N,)`.
            by: How far; a negative number looks backwards.
        """
        zeros = self.constant([0] * abs(by))
        if by > 0:
            end = self.axis(np.iinfo("int64").max)
            rest = self.op("Slice", values, self.axis(by), end, self.axis(0))
            longer = self.op("Concat", rest, zeros, axis=0)
        else:
            rest = self.op("Concat", zeros, values, axis=0)
            longer = self.op("Slice", rest, self.axis(0), self.axis(by), self.axis(0))
        return self.op("Slice", longer, self.axis(0), self.length(values), self.axis(0))

    def length(self, values: str) -> str:
        """Return the first dimension, int64 `(1,)`."""
        shape = self.op("Shape", values)
        return self.op("Slice", shape, self.axis(0), self.axis(1), self.axis(0))

    def integers(self, values: str) -> str:
        """Return as int32."""
        from onnx import TensorProto

        return self.op("Cast", values, to=TensorProto.INT32)

    def long(self, values: str) -> str:
        """Return as int64."""
        from onnx import TensorProto

        return self.op("Cast", values, to=TensorProto.INT64)

    def places(self, mask: str) -> str:
        """Return where a bool `(N,)` is true, int64 `(K,)`."""
        return self.op("Squeeze", self.op("NonZero", mask), self.axis(0))

    def count_up(self, length: str) -> str:
        """Return 0, 1, ..., length - 1, int64; `length` is int64 `(1,)`."""
        scalar = self.op("Squeeze", length, self.axis(0))
        zero, one = self.constant(0, "int64"), self.constant(1, "int64")
        return self.op("Range", zero, scalar, one)
