"""Beam search as one TensorFlow loop, for artefacts that translate by themselves.

It is `kzoo.generation.BeamSearch` with `early_finish=False`, rank for rank; one beam
is greedy decoding.
"""

from typing import Any, NamedTuple

from kzoo.export.beam_attention import Source, ancestors_mask, beam_attention
from kzoo.export.loop_state import COLUMNS_FIRST, free_shapes, packed, tensors_of
from kzoo.export.source_rows import first_columns

# Stands where a text has no token, while it grows.
_NOTHING = -1
# The score of what is not there.
_NEVER = -float("inf")


class Rules(NamedTuple):
    """What a search does at its ends.

    Args:
        num_beams: How many beginnings grow side by side.
        length_penalty: The score is log p / length^length_penalty.
        start_id: What every text starts from.
        end_id: The id that ends a text.
        pad_id: The id that stands behind the end.
        suppressed_ids: Ids that are never chosen.
    """

    num_beams: int
    length_penalty: float
    start_id: int
    end_id: int
    pad_id: int
    suppressed_ids: tuple[int, ...]


class _State(NamedTuple):
    """What goes from round to round; K is the number of beams, T that of tokens.

    Args:
        step: int32 scalar, T.
        done: (B,) bool, rows whose search is over.
        scores: (B, K) float64, as on the host, log p of each beginning, the best
            first.
        texts: (B, K, T) int32, the beginnings.
        slots: (B, K, T) int32, where each one's ancestors stood.
        ended_scores: (B, K) float64, of the best texts that have ended.
        ended_texts: (B, K, T) int32.
        caches: The self-attentions' caches as a list.
    """

    step: Any
    done: Any
    scores: Any
    texts: Any
    slots: Any
    ended_scores: Any
    ended_texts: Any
    caches: Any


def search(model, cache, limits, rules: Rules, *, cache_axes=COLUMNS_FIRST):
    """Return the best text of every row.

    Args:
        model: A `Translator`.
        cache: What its `make_cache` gave for B sources and 0 columns.
        limits: (B,) int32, how many tokens each may have, its end included; 0 or less
            for a row whose answer nobody needs.
        rules: What the search does at its ends.
        cache_axes: The order, its own inverse, in which the loop keeps the caches'
            axes: of the four of (B, S, K, H).

    Returns:
        The ids, (B, T) int32, T the longest text's, its end included and `pad_id`
        behind it; and the scores, (B,) float32.
    """
    import tensorflow as tf

    own = [block.self_attention for block in cache.blocks]
    mask = cache.encoder_padding_mask
    sources = [Source.of(block.cross_attention, mask) for block in cache.blocks]

    def grow(tokens, slots, step, tensors):
        """Return the logits behind each beam's last token, (B, K, V), and caches."""
        blocks = tuple(
            block._replace(self_attention=tokens)
            for block, tokens in zip(
                cache.blocks, packed(own, tensors, cache_axes), strict=True
            )
        )
        seen = ancestors_mask(slots) if rules.num_beams > 1 else None
        with beam_attention(sources, seen):
            x, after = model.call_with_cache(
                tokens,
                cache._replace(blocks=blocks),
                positions=tf.fill(tf.shape(tokens), step),
            )
        after = [block.self_attention for block in after.blocks]
        return model.head(x), tensors_of(after, cache_axes)

    def extend(*state):
        return _extended(_State(*state), grow, limits, rules)

    state = _first(tensors_of(own, cache_axes), limits, rules)
    shapes = _shapes(state, rules.num_beams, cache_axes)
    state = tf.while_loop(
        lambda *state: tf.logical_not(tf.reduce_all(_State(*state).done)),
        extend,
        tuple(state),
        shape_invariants=tuple(shapes),
    )
    state = _State(*state)
    texts = state.ended_texts[:, 0]
    lengths = tf.reduce_sum(tf.cast(texts != _NOTHING, "int32"), axis=1)
    texts = first_columns(texts, tf.reduce_max(lengths))
    texts = tf.where(texts == _NOTHING, rules.pad_id, texts)
    return texts, tf.cast(state.ended_scores[:, 0], "float32")


def _first(caches, limits, rules):
    import tensorflow as tf

    rows, beams = tf.shape(limits)[0], rules.num_beams
    # At first there is one beginning: the others are worse than anything.
    scores = tf.constant([[0.0] + [_NEVER] * (beams - 1)], "float64")
    nothing = tf.zeros((rows, beams, 0), "int32")
    return _State(
        step=tf.constant(0),
        done=limits <= 0,
        scores=tf.tile(scores, tf.stack([rows, 1])),
        texts=nothing,
        slots=nothing,
        ended_scores=tf.fill((rows, beams), tf.constant(_NEVER, "float64")),
        ended_texts=nothing,
        caches=caches,
    )


def _shapes(state, beams, cache_axes):
    import tensorflow as tf

    table = tf.TensorShape([None, beams])
    texts = tf.TensorShape([None, beams, None])
    return _State(
        step=tf.TensorShape([]),
        done=tf.TensorShape([None]),
        scores=table,
        texts=texts,
        slots=texts,
        ended_scores=table,
        ended_texts=texts,
        caches=free_shapes(state.caches, cache_axes),
    )


def _extended(state, grow, limits, rules):
    """Return the state after one more token of every row that is not done."""
    import tensorflow as tf

    beams = rules.num_beams
    start = tf.fill((tf.shape(limits)[0], beams, 1), rules.start_id)
    tokens = tf.concat([start, state.texts], axis=2)[:, :, -1]
    places = tf.tile(
        tf.range(beams)[None, :, None], tf.stack([tf.shape(limits)[0], 1, 1])
    )
    slots = tf.concat([state.slots, places], axis=2)
    logits, caches = grow(tokens, slots, state.step, state.caches)

    scores, parents, tokens = _candidates(state.scores, logits, rules)  # (B, 2 K) each
    texts = tf.concat([_rows(state.texts, parents), tokens[:, :, None]], axis=2)
    length = state.step + 1
    ranked = scores / tf.cast(length, "float64") ** rules.length_penalty
    is_end = tokens == rules.end_id
    # The best that go on, in their order.
    order = tf.range(2 * beams) + 2 * beams * tf.cast(is_end, "int32")
    kept = tf.math.top_k(-order, beams).indices  # (B, K)

    # Those that end now, and, where a row's last token was chosen, those that do not.
    old = state.ended_scores
    open_rows = tf.logical_not(state.done)[:, None]
    ending = tf.where(
        tf.logical_and(open_rows, is_end)[:, :beams], ranked[:, :beams], _NEVER
    )
    running = tf.gather(ranked, kept, batch_dims=1)
    worst = tf.math.top_k(tf.concat([old, ending], axis=1), beams).values[:, -1]
    enough = tf.logical_and(worst > _NEVER, worst >= running[:, 0])
    last = length >= limits
    cut = tf.logical_and(last, tf.logical_not(enough))[:, None]
    cut = tf.where(tf.logical_and(open_rows, cut), running, _NEVER)
    best = tf.math.top_k(tf.concat([old, ending, cut], axis=1), beams)
    grown = tf.pad(
        state.ended_texts, [[0, 0], [0, 0], [0, 1]], constant_values=_NOTHING
    )
    going_on = _rows(texts, kept)
    all_texts = tf.concat([grown, texts[:, :beams], going_on], axis=1)
    return _State(
        step=length,
        done=tf.logical_or(state.done, tf.logical_or(last, enough)),
        scores=tf.gather(scores, kept, batch_dims=1),
        texts=going_on,
        slots=_rows(slots, tf.gather(parents, kept, batch_dims=1)),
        ended_scores=best.values,
        ended_texts=_rows(all_texts, best.indices),
        caches=caches,
    )


def _candidates(scores, logits, rules):
    """Return the 2 K best continuations: log p, the beam each comes from, its token."""
    import tensorflow as tf

    beams = rules.num_beams
    # More than can be chosen, since those that are suppressed never are.
    width = min(2 * beams + len(rules.suppressed_ids), logits.shape[-1])
    values, ids = tf.math.top_k(tf.nn.log_softmax(logits), width)  # (B, K, width)
    values = tf.cast(values, "float64")
    for suppressed in rules.suppressed_ids:
        values = tf.where(ids == suppressed, tf.constant(_NEVER, "float64"), values)
    total = tf.reshape(scores[:, :, None] + values, (-1, beams * width))
    best = tf.math.top_k(total, 2 * beams)
    ids = tf.reshape(ids, (-1, beams * width))
    tokens = tf.gather(ids, best.indices, batch_dims=1)
    return best.values, best.indices // width, tokens


def _rows(x, indices):
    """Return rows of each batch row: (B, M, T) and (B, L) to (B, L, T)."""
    import tensorflow as tf

    return tf.gather(x, indices, batch_dims=1)
