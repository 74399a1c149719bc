"""Write prompts and the ids that the model itself generates, for generate.js.

python expected_ids.py RUN expected_ids.json
"""

import json
import pathlib
import sys

import numpy as np

from kzoo.generation import generate_ids
from kzoo.models import GPT2CausalLM

TEXTS = ["Once upon a time", "A fox and a crow met in the", "The"]
NEW_TOKENS = 24

run, target = sys.argv[1:]
model = GPT2CausalLM.from_preset(run)
end_id = model.tokenizer.end_id
cases = []
for texts in (TEXTS[:1], TEXTS):
    rows = model.tokenizer.encode_batch(texts).ids
    new = generate_ids(
        model,
        rows,
        max_new_tokens=NEW_TOKENS,
        stop_ids=() if end_id is None else (end_id,),
    )
    # Padded on the right, for once; the artefact takes either side.
    lengths = np.array([[len(row)] for row in rows])
    mask = np.arange(lengths.max()) < lengths  # (B, T)
    ids = np.zeros(mask.shape, "int64")
    ids[mask] = np.concatenate(rows)
    cases.append(
        {
            "input_ids": ids.tolist(),
            "attention_mask": mask.astype(int).tolist(),
            "max_new_tokens": NEW_TOKENS,
            "output_ids": [row.tolist() for row in new],
        }
    )
pathlib.Path(target).write_text(json.dumps(cases))
