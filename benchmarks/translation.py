"""Translation by a Marian base model: kzoo on each backend, its artefacts, its peers.

24 source tokens, exactly 32 target tokens, greedy and 4 beams, batches of 1 and 16,
float32 (and CTranslate2's int8). One set of random weights serves all, with a bias that
no text ends by; equal digests mean equal ids. See rounds.py for the method.

    python benchmarks/translation.py [--rounds 5] [--peers a,b]
"""

import hashlib
import pathlib
import tempfile

import rounds

SOURCE, NEW = 24, 32
CASES = {f"beam {k} b{batch}": (k, batch) for k in (1, 4) for batch in (1, 16)}
PEERS = (
    "transformers",
    "optimum",
    "ctranslate2",
    "ctranslate2-int8",
    "kzoo-jax",
    "kzoo-tensorflow",
    "kzoo-torch",
    "kzoo-onnx",
)
_PAD, _END = 58_100, 0


def sources():
    """Return sources with their ends, (16, 24) int64."""
    import numpy as np

    ids = np.random.default_rng(0).integers(2, _PAD, (16, SOURCE))
    ids[:, -1] = _END
    return ids


def transformers_run(folder):
    """Return transformers' translation on torch."""
    from transformers import MarianMTModel

    return _generating(MarianMTModel.from_pretrained(folder / "hf").eval())


def optimum_run(folder):
    """Return that of Optimum's decoders with past, by ONNX Runtime."""
    from optimum.onnxruntime import ORTModelForSeq2SeqLM

    model = ORTModelForSeq2SeqLM.from_pretrained(folder / "hf", export=True)
    return _generating(model)


def _generating(model):
    import torch

    def run(ids, beams):
        ids = torch.tensor(ids)
        with torch.no_grad():
            found = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                num_beams=beams,
                do_sample=False,
                max_new_tokens=NEW,
                early_stopping=False,
            )
        return found[:, 1:].numpy()

    return run


def kzoo_run(folder):
    """Return kzoo's translation on the backend of the environment."""
    import numpy as np

    import kzoo
    from kzoo.generation import BeamSearch, GreedySearch, SourceBatch

    model = kzoo.models.Translator.from_preset(folder / "hf")

    def run(ids, beams):
        search = GreedySearch() if beams == 1 else BeamSearch(beams)
        found = search(
            model,
            [np.array([model.start_id])] * len(ids),
            max_new_tokens=NEW,
            stop_ids=(model.end_id,),
            source=SourceBatch.of(ids, model.pad_id),
        )
        return np.stack([hypotheses[0].token_ids for hypotheses in found])

    return run


def onnx_run(folder):
    """Return the translation of artefacts' `generate.onnx`, one for each search."""
    import numpy as np
    import onnxruntime

    sessions = {
        beams: onnxruntime.InferenceSession(folder / f"onnx-{beams}" / "generate.onnx")
        for beams in (1, 4)
    }

    def run(ids, beams):
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        return sessions[beams].run(["output_ids"], inputs)[0]

    return run


def ctranslate2_run(folder, compute_type="float32"):
    """Return CTranslate2's translation."""
    import json

    import ctranslate2
    import numpy as np

    place = folder / "ct2"
    tokens = json.loads((place / "shared_vocabulary.json").read_text())
    translator = ctranslate2.Translator(
        str(place), device="cpu", intra_threads=2, compute_type=compute_type
    )
    id_of = {token: index for index, token in enumerate(tokens)}

    def run(ids, beams):
        found = translator.translate_batch(
            [[tokens[index] for index in row] for row in ids],
            beam_size=beams,
            max_decoding_length=NEW,
            length_penalty=1.0,
        )
        return np.array([[id_of[t] for t in f.hypotheses[0]] for f in found])

    return run


def prepare(folder, peers):
    """Write the weights that all peers read, and what some make of them."""
    import json
    import os
    import subprocess
    import sys

    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=_PAD + 1,
        d_model=512,
        encoder_layers=6,
        decoder_layers=6,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_ffn_dim=2048,
        max_position_embeddings=512,
        activation_function="swish",
        scale_embedding=True,
        forced_eos_token_id=None,
        bad_words_ids=[[_PAD]],
    )
    model = MarianMTModel(config)
    model.final_logits_bias[0, _END] = -1e4
    model.save_pretrained(folder / "hf")
    if any(peer.startswith("ctranslate2") for peer in peers):
        _convert_to_ctranslate2(model, folder / "ct2", json)
    if "kzoo-onnx" in peers:
        code = (
            "import sys, kzoo\n"
            "model = kzoo.models.Translator.from_preset(sys.argv[1] + '/hf')\n"
            "for beams in (1, 4):\n"
            "    kzoo.export.to_onnx(model, f'{sys.argv[1]}/onnx-{beams}', "
            f"num_beams=beams, max_new_tokens={NEW})\n"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
            check=True,
        )


def _convert_to_ctranslate2(model, place, json):
    """Convert a model without a tokenizer: its tokens are the ids as words."""
    from ctranslate2.converters import transformers as converters

    # It has no padding: its decoder starts from zeros, as the padding's row is.
    tokens = [str(index) for index in range(_PAD)]
    tokens[_END], tokens[1] = "</s>", "<unk>"
    loader = converters.MarianMTLoader()
    spec = loader.get_model_spec(model)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.add_source_eos = False
    spec.config.decoder_start_token = "</s>"
    spec.config.eos_token, spec.config.unk_token = "</s>", "<unk>"
    spec.validate()
    spec.optimize(quantization=None)
    place.mkdir()
    spec.save(str(place))


def worker(peer, folder):
    """Serve one peer."""
    makers = {
        "transformers": transformers_run,
        "optimum": optimum_run,
        "ctranslate2": ctranslate2_run,
        "ctranslate2-int8": lambda folder: ctranslate2_run(folder, "int8"),
        "kzoo-onnx": onnx_run,
    }
    run = makers.get(peer, kzoo_run)(folder)

    def case(beams, batch):
        ids = sources()[:batch]
        return lambda: hashlib.sha256(
            run(ids, beams)[:, :NEW].astype("int64").tobytes()
        ).hexdigest()[:6]

    rounds.serve({name: case(*sizes) for name, sizes in CASES.items()})


def main():
    """Measure every peer and print a Markdown table."""
    options = rounds.parser(__doc__, PEERS).parse_args()
    if options.worker:
        worker(options.worker, options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, peers = pathlib.Path(name), options.peers.split(",")
        prepare(folder, peers)
        found = rounds.measure(__file__, peers, folder, options.rounds)
    work = {name: batch * NEW for name, (_, batch) in CASES.items()}
    print(rounds.table(found, work, "tokens/s"))


if __name__ == "__main__":
    main()
