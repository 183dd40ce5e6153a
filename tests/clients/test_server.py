"""A server that is left running: load, hang-ups, shutdown, its own description."""

import collections
import http.client
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from server import Server

STORY = {"model": "tiny", "prompt": "Tell me a story.", "options": {"temperature": 1.2, "num_predict": 60}}


N_CROWD = int(os.environ.get("CAMELID_CROWD", "24"))
CROWD_SECONDS = float(os.environ.get("CAMELID_CROWD_SECONDS", "10"))


def probe(host: str, seconds: float, waits: multiprocessing.Queue):
    """Asks for the version, over and over, in a process of its own: what is measured is not this one's."""
    connection, found, end = http.client.HTTPConnection(host), [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        connection.request("GET", "/api/version")
        connection.getresponse().read()
        found.append(time.monotonic() - start)
        time.sleep(0.02)
    waits.put(sorted(found))


@pytest.mark.timeout(CROWD_SECONDS + 180)
def test_a_crowd_that_hangs_up():
    """Streams by many at once, a third of whom leave early; others are answered meanwhile."""
    end, failures, counts = time.monotonic() + CROWD_SECONDS, [], collections.Counter()

    def one(server, index):
        with httpx.Client(timeout=60) as client:
            while time.monotonic() < end:
                with client.stream("POST", f"{server.url}/api/generate", json=STORY) as answer:
                    counts[answer.status_code] += 1
                    if answer.status_code not in (200, 503):
                        failures.append(answer.status_code)
                    for n_lines, line in enumerate(answer.iter_lines()):
                        if "error" in json.loads(line) and answer.status_code == 200:
                            failures.append(line)
                        if index % 3 == 0 and n_lines == 5:
                            counts["hung up"] += 1
                            break

    with Server() as server:
        threads = [threading.Thread(target=one, args=(server, index)) for index in range(N_CROWD)]
        for thread in threads:
            thread.start()
        waits, memory = multiprocessing.Queue(), []
        prober = multiprocessing.Process(target=probe, args=(server.host, CROWD_SECONDS, waits))
        prober.start()
        while time.monotonic() < end:
            memory.append(server.memory())
            time.sleep(0.5)
        found = waits.get(timeout=60)
        for thread in [*threads, prober]:
            thread.join()
        p99 = found[int(len(found) * 0.99)] * 1000
        early, late = max(memory[: len(memory) // 3]), max(memory)
        print(f"{dict(counts)}, p99 of /api/version {p99:.1f} ms, memory {early} KiB, then {late} KiB")
        assert not failures
        # Everybody's place is free again.
        request = {**STORY, "stream": False}
        assert httpx.post(f"{server.url}/api/generate", json=request, timeout=60).status_code == 200
        metrics = httpx.get(f"{server.url}/metrics").text.splitlines()
        for gauge in ("running", "waiting"):
            assert f"camelid_generations_{gauge} 0" in metrics
        assert late < early * 1.15, memory
        # A program built for tests on a machine that does other things is not held to this.
        if "CAMELID_CROWD" in os.environ:
            assert p99 < 20


def test_termination_ends_every_stream():
    """SIGTERM while twenty stream: each ends with a last frame or a clean error, the exit code is 0."""
    with Server() as server:
        endings = []

        def one():
            last = None
            with httpx.stream("POST", f"{server.url}/api/generate", json=STORY, timeout=60) as answer:
                for line in answer.iter_lines():
                    last = json.loads(line)
            endings.append(last)

        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
        for thread in threads:
            thread.join()
        assert len(endings) == 20
        assert all(last and (last.get("done") or "error" in last) for last in endings), endings


@pytest.mark.timeout(600)
def test_the_description_holds(server, tmp_path):
    """Requests made up from /openapi.json: no failure of the server's, every answer as described."""
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
        f"{server.url}/openapi.json",
        "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance",
        "--max-examples", os.environ.get("CAMELID_SCHEMA_EXAMPLES", "10"),
        "--phases", "examples,fuzzing",
        "--generation-deterministic",
        "--request-timeout", "30",
        # Neither works without a network.
        "--exclude-path-regex", "pull|push",
    ]
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": here}
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=environment, cwd=tmp_path
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
