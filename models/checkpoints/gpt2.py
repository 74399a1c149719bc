"""GPT-2's config and tensors: `GPT2LMHeadModel`."""

import numpy as np

from kzoo.errors import InputError
from kzoo.models.checkpoints.hf_config import ConfigReader, written_activation
from kzoo.models.checkpoints.weight_table import Entry, norm

ARCHITECTURE = "GPT2LMHeadModel"
MODEL_TYPE = "gpt2"
# Masks that old checkpoints hold as tensors.
IGNORABLE = (r"transformer\.h\.\d+\.attn\.(bias|masked_bias)",)
# Every GPT2CausalLM has GPT-2's shape.
SHAPE: dict = {}
_PREFIX, _HEAD, _TABLE = "transformer.", "lm_head.weight", "transformer.wte.weight"


def read_config(config: dict, where) -> dict:
    """Return the constructor's arguments of a GPT-2 config."""
    reader = ConfigReader(config, where)
    reader.fix("add_cross_attention", False)
    reader.fix("is_decoder", False, True)
    # Its results are the same: kzoo's scores are float32 either way.
    reader.fix("reorder_and_upcast_attn", False, True)
    # Of heads for other tasks, and defaults of transformers' own generation.
    for name in ("type", "use_proj", "activation", "proj_to_labels", "first_dropout"):
        reader.take(f"summary_{name}", None)
    reader.take("task_specific_params", None)
    length = reader.take("n_positions")
    reader.fix("n_ctx", length)
    reader.take("id2label", None)
    arguments = {
        "vocabulary_size": reader.take("vocab_size"),
        "hidden_dim": reader.take("n_embd"),
        "num_layers": reader.take("n_layer"),
        "num_heads": reader.take("n_head"),
        "max_sequence_length": length,
        "intermediate_dim": reader.take("n_inner", None),
        "activation": reader.activation("activation_function", "gelu_new"),
        "dropout": reader.take("resid_pdrop", 0.1),
        "embedding_dropout": reader.take("embd_pdrop", 0.1),
        "attention_dropout": reader.take("attn_pdrop", 0.1),
        "layer_norm_epsilon": reader.take("layer_norm_epsilon", 1e-5),
        "initializer_range": reader.take("initializer_range", 0.02),
        "scale_attention": reader.take("scale_attn_weights", True),
        "scale_by_layer": reader.take("scale_attn_by_inverse_layer_idx", False),
        "tie_embeddings": reader.take("tie_word_embeddings", True),
    }
    reader.finish()
    return arguments


def write_config(config: dict) -> dict:
    """Return the GPT-2 config of the constructor's arguments."""
    return {
        "vocab_size": config["vocabulary_size"],
        "n_embd": config["hidden_dim"],
        "n_layer": config["num_layers"],
        "n_head": config["num_heads"],
        "n_positions": config["max_sequence_length"],
        "n_inner": config["intermediate_dim"],
        "activation_function": written_activation(config["activation"]),
        "resid_pdrop": config["dropout"],
        "embd_pdrop": config["embedding_dropout"],
        "attn_pdrop": config["attention_dropout"],
        "layer_norm_epsilon": config["layer_norm_epsilon"],
        "initializer_range": config["initializer_range"],
        "scale_attn_weights": config["scale_attention"],
        "scale_attn_by_inverse_layer_idx": config["scale_by_layer"],
        "reorder_and_upcast_attn": False,
        "tie_word_embeddings": config["tie_embeddings"],
    }


def fits(config: dict) -> bool:
    """Return whether GPT-2 has the shape of the constructor's arguments."""
    return True


def adapted(tensors: dict, where, config: dict) -> dict:
    """Return tensors under full names, without a head that is the table again.

    Raises:
        InputError: If a tied head is another matrix than the table.
    """
    if not any(name.startswith(_PREFIX) for name in tensors):
        names = {n: n if n == _HEAD else _PREFIX + n for n in tensors}
        tensors = {names[name]: tensor for name, tensor in tensors.items()}
    if not config["tie_embeddings"] or not {_HEAD, _TABLE} <= set(tensors):
        return tensors
    head, table = tensors[_HEAD], tensors[_TABLE]
    if head.shape != table.shape or not np.array_equal(head, table):
        raise InputError(
            "A tied head is its embedding's table.",
            f"{where} with {_HEAD} that differs from {_TABLE}",
            "Set tie_word_embeddings to false in its config.json if both are meant.",
        )
    return {name: tensor for name, tensor in tensors.items() if name != _HEAD}


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    table = [
        Entry("token/embeddings", (_TABLE,)),
        Entry("position/embeddings", ("transformer.wpe.weight",)),
    ]
    for index in range(config["num_layers"]):
        ours, theirs = f"block_{index}", f"transformer.h.{index}"
        attention, network = f"{ours}/attention", f"{ours}/feed_forward"
        table += norm(f"{attention}/norm", f"{theirs}.ln_1")
        table += _conv1d(
            f"{attention}/self_attention/query_key_value", f"{theirs}.attn.c_attn"
        )
        table += _conv1d(
            f"{attention}/self_attention/output_projection", f"{theirs}.attn.c_proj"
        )
        table += norm(f"{network}/norm", f"{theirs}.ln_2")
        table += _conv1d(f"{network}/feed_forward_network/inner", f"{theirs}.mlp.c_fc")
        table += _conv1d(
            f"{network}/feed_forward_network/outer", f"{theirs}.mlp.c_proj"
        )
    if not config["tie_embeddings"]:
        table.append(Entry("output_projection/kernel", (_HEAD,), transposed=True))
    return table + norm("final_norm", "transformer.ln_f")


def _conv1d(name, source):
    """Return the entries of transformers' `Conv1D`, stored as (in, out)."""
    return [
        Entry(f"{name}/kernel", (f"{source}.weight",)),
        Entry(f"{name}/bias", (f"{source}.bias",)),
    ]
