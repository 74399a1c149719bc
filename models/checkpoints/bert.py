"""BERT's config and tensors: `BertForSequenceClassification`."""

from kzoo.models.checkpoints.hf_config import ConfigReader, written_activation
from kzoo.models.checkpoints.weight_table import (
    Entry,
    dense,
    encoder_block,
    norm,
)

ARCHITECTURE = "BertForSequenceClassification"
MODEL_TYPE = "bert"
# Position numbers of old checkpoints, and the heads of pretraining.
IGNORABLE = (r"bert\.embeddings\.position_ids", r"cls\..*")
# What makes a TextClassifier a BERT, beyond its sizes.
SHAPE = {
    "norm_placement": "post",
    "positions": "learned",
    "pooling": "first",
    "pooler_activation": "tanh",
    "position_padding_id": None,
    "ngram_sizes": [],
    "encoder_length": None,
}


def read_config(config: dict, where) -> dict:
    """Return the constructor's arguments of a BERT config."""
    reader = ConfigReader(config, where)
    # Multilingual BERT's description of its pooler, which is everyone's.
    reader.fix("directionality", "bidi")
    reader.fix("pooler_type", "first_token_transform")
    for part in ("fc_size", "num_attention_heads", "num_fc_layers", "size_per_head"):
        reader.take(f"pooler_{part}", None)
    arguments = {
        **SHAPE,
        **encoder_arguments(reader),
        "max_sequence_length": reader.take("max_position_embeddings"),
    }
    reader.finish()
    return arguments


def encoder_arguments(reader: ConfigReader) -> dict:
    """Return the constructor's arguments that BERT and RoBERTa name alike.

    Args:
        reader: The config, of which these fields are taken.
    """
    reader.fix("position_embedding_type", "absolute")
    reader.fix("is_decoder", False)
    reader.fix("add_cross_attention", False)
    reader.fix("problem_type", None, "single_label_classification")
    reader.fix("pruned_heads", {})
    dropout = reader.take("hidden_dropout_prob", 0.1)
    classifier_dropout = reader.take("classifier_dropout", None)
    return {
        "vocabulary_size": reader.take("vocab_size"),
        "hidden_dim": reader.take("hidden_size"),
        "num_layers": reader.take("num_hidden_layers"),
        "num_heads": reader.take("num_attention_heads"),
        "intermediate_dim": reader.take("intermediate_size"),
        "num_segments": reader.take("type_vocab_size", 2),
        "activation": reader.activation("hidden_act"),
        "dropout": dropout,
        "attention_dropout": reader.take("attention_probs_dropout_prob", 0.1),
        "classifier_dropout": dropout
        if classifier_dropout is None
        else classifier_dropout,
        "layer_norm_epsilon": reader.take("layer_norm_eps", 1e-12),
        "label_names": reader.label_names(),
    }


def write_config(config: dict) -> dict:
    """Return the BERT config of the constructor's arguments."""
    return {
        "vocab_size": config["vocabulary_size"],
        "hidden_size": config["hidden_dim"],
        "num_hidden_layers": config["num_layers"],
        "num_attention_heads": config["num_heads"],
        "intermediate_size": config["intermediate_dim"],
        "max_position_embeddings": config["max_sequence_length"],
        "type_vocab_size": config["num_segments"],
        "hidden_act": written_activation(config["activation"]),
        "hidden_dropout_prob": config["dropout"],
        "attention_probs_dropout_prob": config["attention_dropout"],
        "classifier_dropout": config["classifier_dropout"],
        "layer_norm_eps": config["layer_norm_epsilon"],
        "initializer_range": config["initializer_range"],
        "position_embedding_type": "absolute",
    }


def fits(config: dict) -> bool:
    """Return whether BERT has the shape of the constructor's arguments."""
    return config["num_segments"] > 0 and all(config[k] == SHAPE[k] for k in SHAPE)


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    return [
        *encoder(config, "bert"),
        *dense("pooler", "bert.pooler.dense"),
        *dense("classifier", "classifier"),
    ]


def encoder(config: dict, prefix: str) -> list[Entry]:
    """Return the weights of the embedding and the blocks, which RoBERTa shares.

    Args:
        config: The constructor's arguments.
        prefix: What their names begin with.
    """
    table = [
        Entry(f"embedding/{ours}/embeddings", (f"{prefix}.embeddings.{theirs}.weight",))
        for ours, theirs in (
            ("token", "word_embeddings"),
            ("position", "position_embeddings"),
            ("segment", "token_type_embeddings"),
        )
    ]
    table += norm("embedding/norm", f"{prefix}.embeddings.LayerNorm")
    for index in range(config["num_layers"]):
        theirs = f"{prefix}.encoder.layer.{index}"
        table += encoder_block(
            f"block_{index}",
            query_key_value=[
                f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")
            ],
            output=f"{theirs}.attention.output.dense",
            attention_norm=f"{theirs}.attention.output.LayerNorm",
            inner=f"{theirs}.intermediate.dense",
            outer=f"{theirs}.output.dense",
            feed_forward_norm=f"{theirs}.output.LayerNorm",
        )
    return table
