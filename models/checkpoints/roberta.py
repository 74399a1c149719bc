"""RoBERTa's config and tensors: `RobertaForSequenceClassification`."""

from kzoo.models.checkpoints import bert
from kzoo.models.checkpoints.hf_config import ConfigReader
from kzoo.models.checkpoints.weight_table import Entry, dense

ARCHITECTURE = "RobertaForSequenceClassification"
MODEL_TYPE = "roberta"
# Position numbers of old checkpoints, and the heads of pretraining: BERT's pooler is
# in those files too, and no classifier of RoBERTa's reads it.
IGNORABLE = (
    r"roberta\.embeddings\.position_ids",
    r"roberta\.pooler\..*",
    r"lm_head\..*",
)
# Weights of the head that a pretrained encoder lacks, and that then start anew.
HEAD = ("pooler/kernel", "pooler/bias")
# What makes a TextClassifier a RoBERTa, beyond its sizes: positions that count real
# tokens, as `position_padding_id` says.
SHAPE = {
    "norm_placement": "post",
    "positions": "learned",
    "pooling": "first",
    "pooler_activation": "tanh",
    "ngram_sizes": [],
    "encoder_length": None,
}


def read_config(config: dict, where) -> dict:
    """Return the constructor's arguments of a RoBERTa config."""
    reader = ConfigReader(config, where)
    padding_id = reader.take("pad_token_id", 1)
    rows = reader.take("max_position_embeddings")
    arguments = {
        **SHAPE,
        **bert.encoder_arguments(reader),
        "max_sequence_length": rows - padding_id - 1,
        "position_padding_id": padding_id,
    }
    reader.finish()
    return arguments


def write_config(config: dict) -> dict:
    """Return the RoBERTa config of the constructor's arguments."""
    padding_id = config["position_padding_id"]
    return {
        **bert.write_config(config),
        "max_position_embeddings": config["max_sequence_length"] + padding_id + 1,
        "pad_token_id": padding_id,
    }


def fits(config: dict) -> bool:
    """Return whether RoBERTa has the shape of the constructor's arguments."""
    return (
        config["num_segments"] > 0
        and config["position_padding_id"] is not None
        and all(config[k] == SHAPE[k] for k in SHAPE)
    )


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    return [
        *bert.encoder(config, "roberta"),
        *dense("pooler", "classifier.dense"),
        *dense("classifier", "classifier.out_proj"),
    ]
