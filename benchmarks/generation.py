"""Greedy generation by GPT-2 124M: kzoo on each backend, its artefact, its peers.

A prompt of 32 tokens, 64 new ones, batches of 1 and 8, float32. One set of random
weights serves all; equal digests mean equal ids. See rounds.py for the method.

    python benchmarks/generation.py [--rounds 5] [--peers a,b]
"""

import hashlib
import pathlib
import tempfile

import rounds

PROMPT, NEW, BATCHES = 32, 64, (1, 8)
PEERS = (
    "transformers",
    "kzoo-jax",
    "kzoo-tensorflow",
    "kzoo-torch",
    "kzoo-onnx",
    "keras-hub-jax",
    "keras-hub-tensorflow",
    "keras-hub-torch",
)


def prompts():
    """Return prompts, (8, 32) int64."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 50_256, (max(BATCHES), PROMPT))


def transformers_run(folder):
    """Return transformers' generation on torch."""
    import torch
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder / "hf").eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 50_256

    def run(ids):
        ids = torch.tensor(ids)
        options = {"max_new_tokens": NEW, "do_sample": False, "use_cache": True}
        with torch.no_grad():
            found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
        return found[:, PROMPT:].numpy()

    return run


def kzoo_run(folder):
    """Return kzoo's generation on the backend of the environment."""
    import numpy as np

    import kzoo
    from kzoo.generation import generate_ids

    model = kzoo.models.GPT2CausalLM.from_preset(folder / "hf")
    return lambda ids: np.stack(generate_ids(model, list(ids), max_new_tokens=NEW))


def onnx_run(folder):
    """Return the generation of an artefact's `generate.onnx`."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "onnx" / "generate.onnx")
    kinds = {"tensor(int64)": "int64", "tensor(int32)": "int32"}
    types = {x.name: kinds[x.type] for x in session.get_inputs()}

    def run(ids):
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "max_new_tokens": np.array(NEW),
        }
        inputs = {name: x.astype(types[name]) for name, x in inputs.items()}
        return session.run(None, inputs)[0]

    return run


def keras_hub_run(folder):
    """Return KerasHub's generation on the backend of the environment."""
    import keras
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.GPT2Backbone.from_preset(str(folder / "hf"))
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model.compile(sampler="greedy")

    def run(ids):
        token_ids = np.zeros((len(ids), PROMPT + NEW), "int32")
        token_ids[:, :PROMPT] = ids
        mask = np.zeros_like(token_ids)
        mask[:, :PROMPT] = 1
        inputs = {"token_ids": token_ids, "padding_mask": mask}
        output = model.generate(inputs, stop_token_ids=None)
        return keras.ops.convert_to_numpy(output["token_ids"])[:, PROMPT:]

    return run


def prepare(folder):
    """Write the weights that all peers read, and the artefact."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(folder / "hf")


def worker(peer, folder):
    """Serve one peer."""
    makers = {
        "transformers": transformers_run,
        "kzoo-onnx": onnx_run,
        **{peer: keras_hub_run for peer in PEERS if peer.startswith("keras-hub")},
    }
    run = makers.get(peer, kzoo_run)(folder)

    def case(batch):
        ids = prompts()[:batch]
        return lambda: hashlib.sha256(
            run(ids)[:, :NEW].astype("int64").tobytes()
        ).hexdigest()[:6]

    rounds.serve({f"b{batch}": case(batch) for batch in BATCHES})


def main():
    """Measure every peer and print a Markdown table."""
    options = rounds.parser(__doc__, PEERS).parse_args()
    if options.worker:
        worker(options.worker, options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        peers = options.peers.split(",")
        found = rounds.measure(__file__, peers, folder, options.rounds)
    work = {f"b{batch}": batch * NEW for batch in BATCHES}
    print(rounds.table(found, work, "tokens/s"))


if __name__ == "__main__":
    main()
