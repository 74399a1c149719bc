"""From a flat list of ids to framed and padded rows inside an ONNX graph."""

from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter


def name_rows(
    graph: OnnxGraphWriter,
    ids: str,
    frame: tuple[int | None, int] | None,
    pad_id: int,
    max_length: int | None,
) -> None:
    """Cut, frame and pad the rows; name them `input_ids` and `attention_mask`.

    Args:
        graph: Where to add nodes; its input is `text`, string `(B,)`.
        ids: int64 `(N,)`, -1 behind those of each text and of one text more.
        frame: The ids before and behind a row, the former perhaps None; None for
            neither.
        pad_id: The id that fills rows up.
        max_length: The most ids of a row, the frame included; None for all.
    """
    zero, one = graph.axis(0), graph.axis(1)
    around = [index for index in frame or () if index is not None]
    framed = len(around)
    is_end = graph.op("Equal", ids, graph.constant(-1, "int64"))
    ends = graph.places(is_end)  # (B + 1,): the text put behind the batch ends too
    begins = graph.op("Concat", zero, graph.op("Add", ends, one), axis=0)
    begins = graph.op("Slice", begins, zero, graph.length(ends), zero)
    lengths = graph.op("Sub", ends, begins)
    if max_length is not None:
        most = graph.constant([max_length - framed], "int64")
        lengths = graph.op("Min", lengths, most)
    row = graph.op("CumSum", graph.long(is_end), 0, exclusive=1)
    place = graph.op(
        "Sub", graph.count_up(graph.length(ids)), graph.gather(begins, row)
    )
    inside = graph.op("Less", place, graph.gather(lengths, row))
    real = graph.op("And", inside, graph.op("Not", is_end))
    ids, row, place = (graph.op("Compress", x, real, axis=0) for x in (ids, row, place))
    rows = graph.length("text")
    lengths = graph.op("Slice", lengths, zero, rows, zero)
    if framed == 2:
        place = graph.op("Add", place, one)
    longest = graph.op("ReduceMax", graph.op("Concat", lengths, zero, axis=0))
    width = graph.op("Add", graph.op("Reshape", longest, one), graph.axis(framed))
    shape = graph.op("Concat", rows, width, axis=0)
    # The row behind the batch is not among these rows.
    wanted = graph.op("Less", row, rows)
    ids, row, place = (
        graph.op("Compress", x, wanted, axis=0) for x in (ids, row, place)
    )
    index, values = [_pairs(graph, row, place)], [ids]
    if around:
        every_row = graph.count_up(rows)
        first = graph.op("Sub", every_row, every_row)
        last = graph.op("Add", lengths, graph.axis(framed - 1))
        columns = (first, last)[-framed:]
        index += [_pairs(graph, every_row, column) for column in columns]
        values += [graph.op("Expand", graph.axis(index), rows) for index in around]
    padding = graph.op("Expand", graph.axis(pad_id), shape)
    graph.name_output(
        graph.op(
            "ScatterND",
            padding,
            graph.op("Concat", *index, axis=0),
            graph.op("Concat", *values, axis=0),
        ),
        "input_ids",
    )
    limit = graph.op("Unsqueeze", graph.op("Add", lengths, graph.axis(framed)), one)
    mask = graph.op("Less", graph.count_up(width), limit)
    graph.name_output(graph.long(mask), "attention_mask")


def _pairs(graph: OnnxGraphWriter, rows: str, columns: str) -> str:
    """Return index pairs, int64 `(K, 2)`."""
    both = [graph.op("Unsqueeze", part, graph.axis(1)) for part in (rows, columns)]
    return graph.op("Concat", *both, axis=1)
