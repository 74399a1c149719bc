"""The folders that loaders are tried on: small, good, and of every kind."""

import json

TEXTS = ["a fine film, well made.", "a dull film", "Ein Hund läuft über die Wiese."] * 9


def make_targets(scratch):
    """Write a folder of each kind.

    Args:
        scratch: Where.

    Returns:
        For each name a folder and a function that loads it.
    """
    from kzoo import models, tokenizers
    from kzoo.cli.run_records import differences, find_runs
    from kzoo.data import prepare_tokens
    from kzoo.data.token_files import open_tokens
    from kzoo.training import enable_lora, load_adapters, read_history, save_adapters

    word_piece = tokenizers.WordPieceTokenizer.train(TEXTS, vocabulary_size=120)
    bytes_bpe = tokenizers.ByteBPETokenizer.train(TEXTS, vocabulary_size=290)
    pieces = tokenizers.SentencePieceTokenizer.train(TEXTS, vocabulary_size=60)
    letters = tokenizers.CharacterTokenizer.train([*TEXTS, "\n"])
    sizes = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 12}
    classifier = models.TextClassifier(
        vocabulary_size=word_piece.vocabulary_size,
        max_sequence_length=16,
        label_names=("bad", "good"),
        pooler_activation="tanh",
        num_segments=2,
        tokenizer=word_piece,
        **sizes,
    )
    gpt2 = models.GPT2CausalLM(
        vocabulary_size=bytes_bpe.vocabulary_size,
        max_sequence_length=16,
        tokenizer=bytes_bpe,
        **sizes,
    )

    both = tokenizers.TranslationTokenizer.train(TEXTS, TEXTS[::-1], vocabulary_size=61)
    translator = models.Translator(
        vocabulary_size=both.vocabulary_size,
        max_sequence_length=16,
        pad_id=both.pad_id,
        end_id=both.end_id,
        start_id=both.pad_id,
        norm_placement="post",
        positions="sinusoidal_halves",
        activation="swish",
        logits_bias=True,
        tokenizer=both,
        **sizes,
    )

    def loaded(cls):
        return lambda folder: cls.from_preset(folder)

    def tokenized(folder):
        tokenizers.from_folder(folder).encode("a fine film")

    targets = {}
    for name, model in (
        ("classifier", classifier),
        ("gpt2", gpt2),
        ("translator", translator),
    ):
        ours, theirs = scratch / f"{name}-kzoo", scratch / f"{name}-transformers"
        model.save_to_preset(ours)
        _without_manifest(ours)  # so that what is wrong reaches the readers
        model.export_to_transformers(theirs)
        targets[f"{name} preset"] = ours, loaded(type(model))
        targets[f"{name} transformers"] = theirs, loaded(type(model))
    whole = scratch / "whole"
    classifier.save_to_preset(whole)
    targets["classifier with digests"] = whole, loaded(models.TextClassifier)
    for name, tokenizer in (
        ("wordpiece", word_piece),
        ("bpe", bytes_bpe),
        ("sentencepiece", pieces),
        ("characters", letters),
    ):
        tokenizer.save(scratch / name)
        targets[f"{name} tokenizer"] = scratch / name, tokenized
    prepared = scratch / "tokens"
    (scratch / "text.txt").write_text("\n".join(TEXTS * 5), encoding="utf-8")
    prepare_tokens(scratch / "text.txt", prepared, letters)
    targets["token files"] = (
        prepared,
        lambda folder: open_tokens(folder, "train", letters),
    )

    enable_lora(gpt2, 2)
    adapters = scratch / "adapters"
    adapters.mkdir()
    save_adapters(gpt2, adapters / "a.safetensors")
    targets["adapters"] = (
        adapters,
        lambda folder: load_adapters(gpt2, folder / "a.safetensors"),
    )
    run = scratch / "run"
    run.mkdir()
    row = {"kind": "epoch", "epoch": 1, "step": 5, "loss": 1.5, "seconds": 2.0}
    (run / "history.jsonl").write_text(f"{json.dumps(row)}\n" * 5)
    record = {
        "family": "gpt2", "settings": {"monitor": "val_loss", "seed": 0},
        "metrics": {"loss": 1.0}, "speed": {"tokens_per_second": 5.0},
        "seconds": {"total": 3.0}, "epochs_done": 1, "average": None,
    }  # fmt: skip
    (run / "training.json").write_text(json.dumps(record))

    def listed(folder):
        differences(found := find_runs([folder]))
        [one.row() for one in found]
        read_history(folder)

    targets["run record"] = run, listed
    return targets


def _without_manifest(folder):
    from kzoo import digests

    (folder / digests.DIGESTS).unlink()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["manifest"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
