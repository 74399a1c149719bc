"""How many parameters a configuration has, without making the model."""

from typing import Any


def parameter_count(config: dict[str, Any], family: str = "TextClassifier") -> int:
    """Return the number of weights of a model.

    Args:
        config: Constructor arguments, as `preset_config` or `get_config` has them;
            two labels where it names none.
        family: The name of the model's class.

    Returns:
        What `count_params()` of the model would be.

    Example:
        >>> from kzoo.models.presets import preset_config
        >>> parameter_count(preset_config("TextClassifier", "bert-base"))
        109483778
        >>> parameter_count(preset_config("GPT2CausalLM", "gpt2"), "GPT2CausalLM")
        124439808
    """
    return _COUNTS[family](config)


def _classifier(config):
    d = config["hidden_dim"]
    classes = len(config.get("label_names", ("0", "1")))
    length = config.get("encoder_length") or config["max_sequence_length"]
    count = config["vocabulary_size"] * d + config.get("num_segments", 0) * d
    if config.get("positions", "learned") == "learned":
        count += length * d
    count += _blocks(config)
    if config.get("pooler_activation"):
        count += d * d + d
    count += d * classes + classes
    if config.get("ngram_sizes"):
        count += config["ngram_buckets"] * (classes + 1)
    return count


def _gpt2(config):
    rows = config["vocabulary_size"] + config["max_sequence_length"]
    return rows * config["hidden_dim"] + _blocks(config)


def _blocks(config):
    """Count blocks of attention and feed-forward network, and one norm beside them."""
    d = config["hidden_dim"]
    f = config.get("intermediate_dim") or 4 * d
    attention = 4 * (d * d + d)
    feed_forward = d * f + f + f * d + d
    norm = 2 * d  # after the embedding, or after the last block
    return config["num_layers"] * (attention + feed_forward + 2 * norm) + norm


def _translator(config):
    d, rows = config["hidden_dim"], config["vocabulary_size"]
    if config.get("positions") == "learned":
        rows += 2 * config["max_sequence_length"]
    rows += config.get("source_vocabulary_size") or 0
    if not config.get("tie_embeddings", True):
        rows += config["vocabulary_size"]
    f = config.get("intermediate_dim") or 4 * d
    layers = config["num_layers"]
    decoder = {
        "num_layers": config.get("num_decoder_layers") or layers,
        "intermediate_dim": config.get("decoder_intermediate_dim") or f,
    }
    # Beside a block's own parts, a decoder's reads the encoder, and has a norm for it.
    reading = decoder["num_layers"] * (4 * (d * d + d) + 2 * d)
    count = rows * d + _blocks(config) + _blocks({**config, **decoder}) + reading
    final_norm = config.get("final_norm")
    if final_norm is None:
        final_norm = config.get("norm_placement", "pre") == "pre"
    if not final_norm:
        count -= 2 * 2 * d  # one after the last block of each half
    return count + config["vocabulary_size"] * config.get("logits_bias", False)


_COUNTS = {
    "TextClassifier": _classifier,
    "GPT2CausalLM": _gpt2,
    "Translator": _translator,
}
