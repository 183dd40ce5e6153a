"""The eight requests of `serving_speed` to a running llama-server: 200 tokens without a meaning
each, no two alike, and 128 new ones.

    llama-server -m FILE.gguf -np 8 -cb -t 2 -c 4096 --port 8099
    python3 benches/llama_server.py 8099
"""

import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

N_REQUESTS = 8
# Within any model's vocabulary, as far as such a request is of use.
N_VOCAB = 2000


def tokens(n, seed):
    return [100 + (i * 7919 + seed * 104_729) % (N_VOCAB - 200) for i in range(n)]


def complete(port, seed):
    body = {"prompt": tokens(200, seed), "n_predict": 128, "ignore_eos": True, "temperature": 0}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["tokens_predicted"]


def main(port):
    started = time.monotonic()
    with ThreadPoolExecutor(N_REQUESTS) as pool:
        n = sum(pool.map(lambda seed: complete(port, seed), range(N_REQUESTS)))
    seconds = time.monotonic() - started
    print(f"{N_REQUESTS} requests: {n} tokens in {seconds:.2f} s, {n / seconds:.1f} per second")


if __name__ == "__main__":
    main(int(sys.argv[1]))
