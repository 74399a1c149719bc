"""DistilBERT's config and tensors: `DistilBertForSequenceClassification`."""

from kzoo.models.checkpoints.hf_config import ConfigReader, written_activation
from kzoo.models.checkpoints.weight_table import (
    Entry,
    dense,
    encoder_block,
    norm,
)

ARCHITECTURE = "DistilBertForSequenceClassification"
MODEL_TYPE = "distilbert"
# The heads of pretraining.
IGNORABLE = (r"vocab_transform\..*", r"vocab_layer_norm\..*", r"vocab_projector\..*")
POSITION_TABLES = ("embedding/position/embeddings",)
# What makes a TextClassifier a DistilBERT, beyond its sizes.
SHAPE = {
    "norm_placement": "post",
    "pooling": "first",
    "pooler_activation": "relu",
    "num_segments": 0,
    "position_padding_id": None,
    "ngram_sizes": [],
    "encoder_length": None,
    "layer_norm_epsilon": 1e-12,
}


def read_config(config: dict, where) -> dict:
    """Return the constructor's arguments of a DistilBERT config."""
    reader = ConfigReader(config, where)
    reader.fix("problem_type", None, "single_label_classification")
    reader.fix("pruned_heads", {})
    for bookkeeping in ("tie_weights_", "qa_dropout"):
        reader.take(bookkeeping, None)
    sinusoidal = reader.take("sinusoidal_pos_embds", False)
    arguments = {
        **SHAPE,
        "vocabulary_size": reader.take("vocab_size"),
        "hidden_dim": reader.take("dim"),
        "num_layers": reader.take("n_layers"),
        "num_heads": reader.take("n_heads"),
        "intermediate_dim": reader.take("hidden_dim"),
        "max_sequence_length": reader.take("max_position_embeddings"),
        "positions": "sinusoidal" if sinusoidal else "learned",
        "activation": reader.activation("activation"),
        "dropout": reader.take("dropout", 0.1),
        "attention_dropout": reader.take("attention_dropout", 0.1),
        "classifier_dropout": reader.take("seq_classif_dropout", 0.2),
        "label_names": reader.label_names(),
    }
    reader.finish()
    return arguments


def write_config(config: dict) -> dict:
    """Return the DistilBERT config of the constructor's arguments."""
    return {
        "vocab_size": config["vocabulary_size"],
        "dim": config["hidden_dim"],
        "n_layers": config["num_layers"],
        "n_heads": config["num_heads"],
        "hidden_dim": config["intermediate_dim"],
        "max_position_embeddings": config["max_sequence_length"],
        "sinusoidal_pos_embds": config["positions"] == "sinusoidal",
        "activation": written_activation(config["activation"]),
        "dropout": config["dropout"],
        "attention_dropout": config["attention_dropout"],
        "seq_classif_dropout": config["classifier_dropout"],
        "initializer_range": config["initializer_range"],
    }


def fits(config: dict) -> bool:
    """Return whether DistilBERT has the shape of the constructor's arguments."""
    return config["positions"] != "none" and all(config[k] == SHAPE[k] for k in SHAPE)


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    embeddings = "distilbert.embeddings"
    table = [
        Entry("embedding/token/embeddings", (f"{embeddings}.word_embeddings.weight",)),
        Entry(
            "embedding/position/embeddings",
            (f"{embeddings}.position_embeddings.weight",),
        ),
        *norm("embedding/norm", f"{embeddings}.LayerNorm"),
    ]
    for index in range(config["num_layers"]):
        theirs = f"distilbert.transformer.layer.{index}"
        table += encoder_block(
            f"block_{index}",
            query_key_value=[f"{theirs}.attention.{part}_lin" for part in "qkv"],
            output=f"{theirs}.attention.out_lin",
            attention_norm=f"{theirs}.sa_layer_norm",
            inner=f"{theirs}.ffn.lin1",
            outer=f"{theirs}.ffn.lin2",
            feed_forward_norm=f"{theirs}.output_layer_norm",
        )
    table += dense("pooler", "pre_classifier")
    table += dense("classifier", "classifier")
    return table
