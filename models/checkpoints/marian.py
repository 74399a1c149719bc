"""Marian's config and tensors: `MarianMTModel`, the OPUS-MT translators."""

from collections.abc import Mapping

import numpy as np

from kzoo.errors import InputError
from kzoo.models.checkpoints.hf_config import ConfigReader, written_activation
from kzoo.models.checkpoints.weight_table import Entry, dense, encoder_block, norm

ARCHITECTURE = "MarianMTModel"
MODEL_TYPE = "marian"
IGNORABLE = ()
SINES = "sinusoidal_halves"
# What makes a Translator a Marian, beyond its sizes.
SHAPE = {
    "norm_placement": "post",
    "final_norm": False,
    "logits_bias": True,
    "positions": SINES,  # or a table that was stored, see `fits`
    "layer_norm_epsilon": 1e-5,
}
# Our position tables, where a checkpoint holds some.
POSITION_TABLES = ("encoder/position/embeddings", "decoder/position/embeddings")
_SHARED, _HEAD = "model.shared.weight", "lm_head.weight"
_SOURCE, _TARGET = (f"model.{s}.embed_tokens.weight" for s in ("encoder", "decoder"))
_BIAS = "final_logits_bias"
# Defaults of transformers' own generation, and what BART's config had for others.
_UNUSED = (
    "_num_labels",
    "bad_words_ids",
    "classif_dropout",
    "classifier_dropout",
    "decoder_layerdrop",
    "early_stopping",
    "encoder_layerdrop",
    "force_bos_token_to_be_generated",
    "forced_eos_token_id",
    "id2label",
    "length_penalty",
    "max_length",
    "num_beams",
    "num_hidden_layers",
    "static_position_embeddings",  # the stored tables tell
    "task_specific_params",
)


def read_config(config: dict, where) -> dict:
    """Return the constructor's arguments of a Marian config."""
    reader = ConfigReader(config, where)
    for name in _UNUSED:
        reader.take(name, None)
    reader.fix("is_encoder_decoder", True)
    reader.fix("tie_encoder_decoder", False)
    reader.fix("add_bias_logits", False, True)  # there is a bias either way
    reader.fix("normalize_embedding", False)
    reader.fix("extra_pos_embeddings", 0)
    before = reader.take("normalize_before", False)
    final = reader.take("add_final_layer_norm", False)
    source = reader.take("vocab_size")
    target = reader.take("decoder_vocab_size", None) or source
    shared = reader.take("share_encoder_decoder_embeddings", True)
    pad_id = config.get("pad_token_id", 58_100)
    arguments = {
        "vocabulary_size": source if shared else target,
        "source_vocabulary_size": None if shared else source,
        "hidden_dim": reader.take("d_model"),
        "num_layers": reader.take("encoder_layers"),
        "num_decoder_layers": reader.take("decoder_layers"),
        "num_heads": reader.take("encoder_attention_heads"),
        "decoder_num_heads": reader.take("decoder_attention_heads"),
        "intermediate_dim": reader.take("encoder_ffn_dim"),
        "decoder_intermediate_dim": reader.take("decoder_ffn_dim"),
        "max_sequence_length": reader.take("max_position_embeddings", 1_024),
        "norm_placement": "pre" if before else "post",
        "final_norm": bool(final),
        "activation": reader.activation("activation_function", "gelu"),
        "positions": SINES,
        "scale_embedding": reader.take("scale_embedding", False),
        "tie_embeddings": config.get("tie_word_embeddings", True),
        "logits_bias": True,
        "dropout": reader.take("dropout", 0.1),
        "attention_dropout": reader.take("attention_dropout", 0.0),
        "activation_dropout": reader.take("activation_dropout", 0.0),
        "initializer_range": reader.take("init_std", 0.02),
        "pad_id": pad_id,
        "start_id": reader.take("decoder_start_token_id", pad_id),
        "end_id": config.get("eos_token_id", 0),
    }
    reader.finish()
    return arguments


def write_config(config: dict) -> dict:
    """Return the Marian config of the constructor's arguments."""
    shared = config["source_vocabulary_size"] is None
    return {
        "vocab_size": config["source_vocabulary_size"] or config["vocabulary_size"],
        "decoder_vocab_size": config["vocabulary_size"],
        "share_encoder_decoder_embeddings": shared,
        "tie_word_embeddings": config["tie_embeddings"],
        "d_model": config["hidden_dim"],
        "encoder_layers": config["num_layers"],
        "decoder_layers": config["num_decoder_layers"],
        "encoder_attention_heads": config["num_heads"],
        "decoder_attention_heads": config["decoder_num_heads"],
        "encoder_ffn_dim": config["intermediate_dim"],
        "decoder_ffn_dim": config["decoder_intermediate_dim"],
        "max_position_embeddings": config["max_sequence_length"],
        "activation_function": written_activation(config["activation"]),
        "scale_embedding": config["scale_embedding"],
        "static_position_embeddings": config["positions"] == SINES,
        "normalize_before": False,
        "dropout": config["dropout"],
        "attention_dropout": config["attention_dropout"],
        "activation_dropout": config["activation_dropout"],
        "init_std": config["initializer_range"] or 0.02,
        "is_encoder_decoder": True,
        **_special_ids(config),
    }


def generation_config(config: dict) -> dict:
    """Return transformers' own defaults of generation, as Marian's models have them."""
    return {
        "bad_words_ids": [[config["pad_id"]]],
        **_special_ids(config),
        "max_length": config["max_sequence_length"],
        "num_beams": 4,
    }


def _special_ids(config):
    return {
        "bos_token_id": config["end_id"],
        "decoder_start_token_id": config["start_id"],
        "eos_token_id": config["end_id"],
        "forced_eos_token_id": config["end_id"],
        "pad_token_id": config["pad_id"],
    }


def fits(config: dict) -> bool:
    """Return whether transformers' Marian has the shape of the arguments.

    It is post-LN whatever `normalize_before` says, with an epsilon of 1e-5; a learned
    table of positions is written where its sines would be.
    """
    learned = {"positions": "learned"}
    return any(
        all(config[name] == value for name, value in shape.items())
        for shape in (SHAPE, SHAPE | learned)
    )


def adapted(tensors: Mapping, where, config: dict) -> Mapping:
    """Return tensors without tables that are others again, with a bias if it lacks.

    Raises:
        InputError: If tables that the config calls one differ.
    """
    shared = config["source_vocabulary_size"] is None
    own = _SHARED if shared else _TARGET
    copies = [_SOURCE, _TARGET] if shared else []
    copies += [_HEAD] if config["tie_embeddings"] else []
    present = [name for name in (own, *copies) if name in tensors]
    tensors = dict(tensors)
    for name in present[1:]:
        if not np.array_equal(tensors[present[0]], tensors[name]):
            raise InputError(
                "Tables that a config shares are one.",
                f"{where} with {name} that differs from {present[0]}",
                "Set share_encoder_decoder_embeddings or tie_word_embeddings to false "
                "in its config.json if both are meant.",
            )
        del tensors[name]
    if present and present[0] != own:
        tensors[own] = tensors.pop(present[0])
    if not shared:
        tensors.pop(_SHARED, None)
    bias = np.zeros((1, config["vocabulary_size"]), "float32")
    return {_BIAS: bias, **tensors}


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    shared = config["source_vocabulary_size"] is None
    table = [Entry("target_token/embeddings", (_SHARED if shared else _TARGET,))]
    if not shared:
        table.append(Entry("source_token/embeddings", (_SOURCE,)))
    for name in ("encoder", "decoder"):
        source = f"model.{name}.embed_positions.weight"
        table.append(Entry(f"{name}/position/embeddings", (source,)))
        if config["final_norm"]:
            table += norm(f"{name}/norm", f"model.{name}.layer_norm")
    for index in range(config["num_layers"]):
        table += _block(f"encoder/block_{index}", f"model.encoder.layers.{index}")
    for index in range(config["num_decoder_layers"]):
        ours, theirs = f"decoder/block_{index}", f"model.decoder.layers.{index}"
        table += _block(ours, theirs)
        attention = f"{ours}/cross_attention/encoder_attention"
        for name, part in (
            ("query", "q_proj"),
            ("key", "k_proj"),
            ("value", "v_proj"),
            ("output_projection", "out_proj"),
        ):
            table += dense(f"{attention}/{name}", f"{theirs}.encoder_attn.{part}")
        table += norm(
            f"{ours}/cross_attention/norm", f"{theirs}.encoder_attn_layer_norm"
        )
    if not config["tie_embeddings"]:
        table.append(Entry("output_projection/kernel", (_HEAD,), transposed=True))
    if config["logits_bias"]:
        table.append(Entry("logits_bias", (_BIAS,)))
    return table


def _block(ours, theirs):
    return encoder_block(
        ours,
        query_key_value=[f"{theirs}.self_attn.{part}_proj" for part in "qkv"],
        output=f"{theirs}.self_attn.out_proj",
        attention_norm=f"{theirs}.self_attn_layer_norm",
        inner=f"{theirs}.fc1",
        outer=f"{theirs}.fc2",
        feed_forward_norm=f"{theirs}.final_layer_norm",
    )
