"""Write the logits that Hugging Face transformers gives for a few prompts, as a test fixture.

    pip install torch==2.15.0 transformers==5.23.0 safetensors
    python golden_logits.py hf ../../crates/engine/testdata/tiny_logits.safetensors

Weights and arithmetic are F32. For each prompt NAME the file holds `NAME.tokens`, [n], and
`NAME.logits`, [n, n_vocab]: the logits after each token. The file's own metadata names the
versions that made it.
"""
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaForCausalLM

PROMPTS = {
    "sky": "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n",
    "story": "Once upon a time, a lonely duck named Kroor lived near a forest. Kroor loved soup",
    "json": "<|im_start|>system\nYou are a pirate.<|im_end|>\n<|im_start|>user\n"
    "Anna is 7 years old. Respond using JSON with name, age.<|im_end|>\n<|im_start|>assistant\n",
}

folder, out = sys.argv[1:3]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tensors = {}
for name, prompt in PROMPTS.items():
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        tensors[f"{name}.logits"] = model(ids).logits[0].contiguous()
    tensors[f"{name}.tokens"] = ids[0].to(torch.int32)
    print(f"{name}: {ids.shape[1]} tokens")
made_by = f"models/tiny/golden_logits.py, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
save_file(tensors, out, metadata={"made_by": made_by, **{f"{k}.text": v for k, v in PROMPTS.items()}})
