"""How many parameters a configuration has, without making the model."""

from typing import Any


def parameter_count(config: dict[str, Any]) -> int:
    """Return the number of weights of a `TextClassifier`.

    Args:
        config: Constructor arguments, as `preset_config` or `get_config` has them;
            two labels where it names none.

    Returns:
        What `count_params()` of the model would be.

    Example:
        >>> from kzoo.models.presets import preset_config
        >>> parameter_count(preset_config("TextClassifier", "bert-base"))
        109483778
    """
    d = config["hidden_dim"]
    f = config["intermediate_dim"]
    classes = len(config.get("label_names", ("0", "1")))
    length = config.get("encoder_length") or config["max_sequence_length"]
    norm = 2 * d
    count = config["vocabulary_size"] * d + config.get("num_segments", 0) * d
    if config.get("positions", "learned") == "learned":
        count += length * d
    attention = 4 * (d * d + d)
    feed_forward = d * f + f + f * d + d
    count += config["num_layers"] * (attention + feed_forward + 2 * norm)
    count += norm  # after the embedding, or after the last block
    if config.get("pooler_activation"):
        count += d * d + d
    count += d * classes + classes
    if config.get("ngram_sizes"):
        count += config["ngram_buckets"] * (classes + 1)
    return count
