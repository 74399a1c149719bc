"""How each family's weights are cut over devices, for model-parallel training."""

from kzoo.errors import unknown_name

# Two matrices that follow each other are cut so that nothing is sent between them: the
# first by its outputs, the second by its inputs. What follows the second is summed.
_BLOCKS = {
    r".+/(query_key_value|query|key|value)/kernel": (None, "model"),
    r".+/(query_key_value|query|key|value)/bias": ("model",),
    r".+_attention/output_projection/kernel": ("model", None),
    r".+/feed_forward_network/inner/kernel": (None, "model"),
    r".+/feed_forward_network/inner/bias": ("model",),
    r".+/feed_forward_network/outer/kernel": ("model", None),
}
_TABLES = {r".+/(token|source_token|target_token)/embeddings": ("model", None)}

LAYOUTS = {
    "TextClassifier": {
        **_TABLES,
        **_BLOCKS,
        r".+/ngrams/(evidence|ratio)": ("model", None),
    },
    "GPT2CausalLM": {
        **_TABLES,
        **_BLOCKS,
        r"[^/]+/output_projection/kernel": (None, "model"),
    },
    "Translator": {
        **_TABLES,
        **_BLOCKS,
        r"[^/]+/output_projection/kernel": (None, "model"),
        r"[^/]+/logits_bias": (None, "model"),
    },
}


def layout_map(family: str) -> dict[str, tuple[str | None, ...]]:
    r"""Return how the weights of a family are cut over the devices of a mesh.

    Tables of tokens are cut by the vocabulary, projections to queries, keys and
    values and the first matrix of a feed-forward network by their outputs, the
    matrices after them by their inputs. All other weights are on every device.

    ```
    Y = f(X [A_1 A_2]) [B_1; B_2] = f(X A_1) B_1 + f(X A_2) B_2
    ```

    Args:
        family: The name of the class, such as `"GPT2CausalLM"`.

    Returns:
        By pattern of a weight's whole path, for each of its dimensions the mesh's
        axis `"model"` or None. A path matches one pattern at most.

    Raises:
        InputError: If there is no such family.

    Example:
        >>> layout_map("GPT2CausalLM")[r".+/feed_forward_network/outer/kernel"]
        ('model', None)

    Reference:
        Shoeybi et al. 2019, arXiv:1909.08053, section 3.
    """
    if family not in LAYOUTS:
        raise unknown_name("family", family, sorted(LAYOUTS))
    return dict(LAYOUTS[family])
