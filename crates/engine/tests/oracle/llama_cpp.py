"""Tokens' vectors as llama.cpp gives them, for models that transformers lacks.

`LLAMA_SERVER` names its program `llama-server`, built from the source archive of the package
`llama-cpp-python` 0.3.36.
"""
import json
import os
import subprocess
import tempfile
import time
import urllib.request

import gguf
import numpy as np
import weights

REFERENCE = "llama.cpp of llama-cpp-python 0.3.36, llama-server"
PORT = 18731


def write(case, path):
    """The model as a file, with a vocabulary that is never asked."""
    writer = gguf.GGUFWriter(path, case.architecture)
    for key, value in case.metadata.items():
        kind = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}[type(value)]
        kind(key, value)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([f"t{i}" for i in range(96)])
    writer.add_token_types([1] * 96)
    roles = ("bos", "eos", "unknown", "seperator", "padding", "cls", "mask")
    for i, role in enumerate(roles):
        writer.add_uint32(f"tokenizer.ggml.{role}_token_id", i)
    for name, shape in case.more.items():
        writer.add_tensor(name, weights.tensor(name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def post(path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return json.load(urllib.request.urlopen(request))


def wait():
    for _ in range(100):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health")
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("llama-server does not answer")


def vectors(case, ids):
    """[n_tokens, n_embd], and no head."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.gguf"
        write(case, path)
        arguments = ["-m", path, "--embeddings", "--pooling", "none", "--port", str(PORT), "-fa", "off"]
        server = subprocess.Popen([os.environ["LLAMA_SERVER"], *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait()
            answer = post("/embedding", {"content": ids, "embd_normalize": -1})
        finally:
            server.terminate()
            server.wait()
    return np.array(answer[0]["embedding"], dtype=np.float32), None
