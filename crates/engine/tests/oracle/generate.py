"""Write the architecture tests' fixtures; see README.md."""
import json
import re
import sys

import llama_cpp
import numpy as np
import torch
import transformers
import weights
from cases import CASES
from encoder_cases import ENCODERS

N_PROMPT, N_TOKENS = 64, 72
FULL = [0, 17, 63, 71]
N_VOCAB = 96
ENCODER_NAMES = {case.architecture for case in ENCODERS}


def tokens_of(name):
    """Tokens of no meaning, which differ from case to case."""
    u = weights.uniform(f"tokens of {name}", N_TOKENS)
    return ((u + 1) / 2 * N_VOCAB).astype(int).tolist()


def find(case, parameter):
    """The GGUF names and the layout of a parameter."""
    for pattern, gguf, *layout in case.names:
        match = re.fullmatch(pattern, parameter)
        if match:
            gguf = gguf if isinstance(gguf, list) else [gguf]
            names = [match.expand(name) for name in gguf if name]
            return names, (layout[0] if layout else None)
    raise KeyError(f"{case.name}: nothing is known of {parameter}")


def load(case, model):
    """Gives a model its weights; answers the GGUF tensors that they make."""
    from layout import same

    tensors, state = {}, {}
    for parameter, value in model.state_dict().items():
        names, layout = find(case, parameter)
        if not names or (case.config.tie_word_embeddings and names == ["output.weight"]):
            continue
        shapes, combine = (layout or same)(list(value.shape))
        for tensor, shape in zip(names, shapes, strict=True):
            tensors[tensor] = case.shapes.get(tensor, shape)
        parts = [weights.tensor(tensor, tensors[tensor]) for tensor in names]
        new = np.ascontiguousarray(combine(*parts), dtype=np.float32)
        assert list(new.shape) == list(value.shape), (parameter, new.shape, value.shape)
        state[parameter] = torch.from_numpy(new)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    return tensors


def rounded(x):
    return [round(float(v), 5) for v in x]


def answers(case, ids):
    """Every token's logits or vector, a text's vector behind the head, and the GGUF tensors."""
    torch.manual_seed(0)
    if case.model is None:
        return *llama_cpp.vectors(case, ids), case.more
    case.config._attn_implementation = "eager"
    model = case.model(case.config).to(torch.float32).eval()
    tensors = load(case, model) | case.more
    with torch.inference_mode():
        if case.vectors:
            rows, head = case.vectors(model, torch.tensor([ids]))
            return rows.numpy(), head, tensors
        assert case.config.tie_word_embeddings != ("output.weight" in tensors)
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy(), None, tensors


def reference(case):
    if case.model is None:
        return llama_cpp.REFERENCE
    torch_version = torch.__version__.split("+")[0]
    made = f"{case.model.__name__}, transformers {transformers.__version__}, torch {torch_version}"
    return made + (f"; {case.note}" if case.note else "")


def run(case):
    ids = tokens_of(case.name)
    logits, head, tensors = answers(case, ids)
    assert np.isfinite(logits).all()
    width = logits.shape[1]
    sampled = [rounded(row[[(7 * i + width // 4 * k) % width for k in range(4)]]) for i, row in enumerate(logits)]
    return {
        "reference": reference(case),
        "made_by": "crates/engine/tests/oracle/generate.py",
        "metadata": {"general.architecture": case.architecture, **case.metadata},
        "optional": case.optional,
        "n_ctx": case.n_ctx,
        "given": case.given,
        "tensors": [[name, shape] for name, shape in tensors.items()],
        "n_prompt": N_PROMPT,
        "tokens": ids,
        "sampled_logits": sampled,
        "full_logits": {str(i): rounded(logits[i]) for i in FULL},
        **({"is_encoder": True} if case.architecture in ENCODER_NAMES else {}),
        **({"head": rounded(head)} if head is not None else {}),
    }


def text(fixture):
    """JSON with one line for each entry, and for each row of a table."""
    lines = []
    for key, value in fixture.items():
        rows = value if key in ("tensors", "sampled_logits") else None
        if rows:
            body = "[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n ]"
        elif key in ("metadata", "full_logits", "given") and value:
            body = "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n }"
        else:
            body = json.dumps(value)
        lines.append(f' "{key}": {body}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


folder, *wanted = sys.argv[1:]
for case in CASES + ENCODERS:
    if wanted and case.name not in wanted:
        continue
    try:
        fixture = run(case)
    except Exception as error:
        print(f"{case.name}: {error!r}")
        if wanted:
            raise
        continue
    values = [v for row in fixture["full_logits"].values() for v in row]
    with open(f"{folder}/{case.name}.json", "w") as file:
        file.write(text(fixture))
    print(f"{case.name}: logits {min(values):.2f} to {max(values):.2f}")
