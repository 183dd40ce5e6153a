"""Write the bundled model's embeddings as transformers gives them, as a test fixture.

    pip install torch==2.15.0 transformers==5.23.0
    python tiny_embeddings.py ../../../../models/tiny/hf ../../testdata/tiny_embeddings.json

The last hidden state, behind the last norm, in F32; the last token's and the mean of all tokens',
each brought to length 1. The first 64 of 256 elements are kept.
"""
import json
import sys

import torch
import transformers

TEXTS = ["hello", "Once upon a time, a lonely duck lived near a forest.", "What is the capital of France?"]

folder, out = sys.argv[1:]
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.LlamaModel.from_pretrained(folder, dtype=torch.float32).eval()


def kept(x):
    return [round(v, 6) for v in torch.nn.functional.normalize(x, dim=0)[:64].tolist()]


rows = []
for text in TEXTS:
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        hidden = model(ids).last_hidden_state[0]
    rows.append({"text": text, "tokens": ids[0].tolist(), "last": kept(hidden[-1]), "mean": kept(hidden.mean(0))})
reference = f"LlamaModel, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
fixture = {"reference": reference, "made_by": "crates/engine/tests/oracle/tiny_embeddings.py", "texts": rows}
with open(out, "w") as file:
    json.dump(fixture, file)
    file.write("\n")
