// Runs the ids form of an exported classifier and compares with expected logits.
//
//   python expected_logits.py RUN expected.json   (RUN is a run or preset folder)
//   npm install
//   node classify.js ARTEFACT/model.onnx expected.json
//
// Leaves with status 1 if any logit is further than 1e-4 from the expected one.

import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node";

const TOLERANCE = 1e-4;

const [modelPath, expectedPath] = process.argv.slice(2);
if (!modelPath || !expectedPath) {
  console.error("Usage: node classify.js ARTEFACT/model.onnx expected.json");
  process.exit(2);
}

// ids and masks are 64-bit integers in the artefact: BigInt in JavaScript.
function int64Tensor(rows) {
  const values = BigInt64Array.from(rows.flat(), (value) => BigInt(value));
  return new ort.Tensor("int64", values, [rows.length, rows[0].length]);
}

const cases = JSON.parse(await readFile(expectedPath, "utf8"));
const session = await ort.InferenceSession.create(modelPath);

let greatest = 0;
for (const { input_ids, attention_mask, logits } of cases) {
  const outputs = await session.run({
    input_ids: int64Tensor(input_ids),
    attention_mask: int64Tensor(attention_mask),
  });
  const found = outputs.logits.data;
  const expected = logits.flat();
  if (found.length !== expected.length) {
    throw new Error(`expected ${expected.length} logits, found ${found.length}`);
  }
  let difference = 0;
  expected.forEach((value, index) => {
    difference = Math.max(difference, Math.abs(value - found[index]));
  });
  greatest = Math.max(greatest, difference);
  const shape = `${input_ids.length} x ${input_ids[0].length}`;
  console.log(`${shape}: greatest difference ${difference.toExponential(2)}`);
}

// Written so that NaN fails.
const passed = greatest <= TOLERANCE;
console.log(passed ? "passed" : "FAILED");
process.exit(passed ? 0 : 1);
