"""Write ids, masks and the model's own logits, for classify.js to compare with.

python expected_logits.py RUN expected.json
"""

import json
import pathlib
import sys

import keras
import numpy as np

from kzoo.models import TextClassifier

TEXTS = ["A fine film.", "I did not like it; the cast was weak.", "\u6771\u4eac!"]

run, target = sys.argv[1:]
model = TextClassifier.from_preset(run)
cases = []
for texts in (TEXTS[:1], TEXTS):
    rows = model.tokenizer.encode_batch(texts, model.max_sequence_length).ids
    lengths = np.array([[len(row)] for row in rows])
    mask = np.arange(lengths.max()) < lengths  # (B, T)
    ids = np.full(mask.shape, model.tokenizer.pad_id, "int32")
    ids[mask] = np.concatenate(rows)
    batch = {"token_ids": ids, "padding_mask": mask}
    logits = keras.ops.convert_to_numpy(keras.ops.stop_gradient(model(batch)))
    cases.append(
        {
            "input_ids": ids.tolist(),
            "attention_mask": mask.astype(int).tolist(),
            "logits": logits.tolist(),
        }
    )
pathlib.Path(target).write_text(json.dumps(cases))
