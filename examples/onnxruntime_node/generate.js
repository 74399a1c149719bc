// Runs the loop of an exported GPT-2 and compares with the ids that the model generates.
//
//   python expected_ids.py RUN expected_ids.json   (RUN is a run or preset folder)
//   npm install
//   node generate.js ARTEFACT/generate.onnx expected_ids.json
//
// Leaves with status 1 if any id is another than the expected one.

import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node";

const [modelPath, expectedPath] = process.argv.slice(2);
if (!modelPath || !expectedPath) {
  console.error("Usage: node generate.js ARTEFACT/generate.onnx expected_ids.json");
  process.exit(2);
}

// ids and masks are 64-bit integers in the artefact: BigInt in JavaScript.
function int64Tensor(rows) {
  const values = BigInt64Array.from(rows.flat(), (value) => BigInt(value));
  return new ort.Tensor("int64", values, [rows.length, rows[0].length]);
}

const cases = JSON.parse(await readFile(expectedPath, "utf8"));
const session = await ort.InferenceSession.create(modelPath);

let differing = 0;
for (const { input_ids, attention_mask, max_new_tokens, output_ids } of cases) {
  const started = performance.now();
  const outputs = await session.run({
    input_ids: int64Tensor(input_ids),
    attention_mask: int64Tensor(attention_mask),
    max_new_tokens: new ort.Tensor("int32", Int32Array.of(max_new_tokens), []),
  });
  const seconds = (performance.now() - started) / 1000;
  // One row after another; a row that ended is filled up with the end token.
  const [rows, length] = outputs.output_ids.dims;
  const found = Array.from(outputs.output_ids.data, Number);
  output_ids.forEach((expected, row) => {
    const ids = found.slice(row * length, row * length + expected.length);
    if (JSON.stringify(ids) !== JSON.stringify(expected)) {
      differing += 1;
      console.log(`row ${row}: expected ${expected}, found ${ids}`);
    }
  });
  const rate = ((rows * length) / seconds).toFixed(0);
  console.log(`${rows} x ${length} new ids, ${rate} a second`);
}

console.log(differing === 0 ? "passed" : "FAILED");
process.exit(differing === 0 ? 0 : 1);
