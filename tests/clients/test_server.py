"""A server that is left running: load, hang-ups, shutdown, its own description."""

import json
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


def test_a_crowd_that_hangs_up(server):
    """Streams by many at once, a third of whom leave early; others are answered meanwhile."""
    n_clients = int(os.environ.get("CAMELID_CROWD", "24"))
    seconds = float(os.environ.get("CAMELID_CROWD_SECONDS", "10"))
    end, failures, waits = time.monotonic() + seconds, [], []

    def one(index):
        with httpx.Client(timeout=60) as client:
            while time.monotonic() < end:
                with client.stream("POST", f"{server.url}/api/generate", json=STORY) as answer:
                    if answer.status_code not in (200, 503):
                        failures.append(answer.status_code)
                    for n_lines, line in enumerate(answer.iter_lines()):
                        if "error" in json.loads(line) and answer.status_code == 200:
                            failures.append(line)
                        if index % 3 == 0 and n_lines == 5:
                            break

    before = server.memory()
    threads = [threading.Thread(target=one, args=(index,)) for index in range(n_clients)]
    for thread in threads:
        thread.start()
    with httpx.Client() as client:
        while time.monotonic() < end:
            start = time.monotonic()
            client.get(f"{server.url}/api/version")
            waits.append(time.monotonic() - start)
            time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert not failures
    assert httpx.post(f"{server.url}/api/generate", json={**STORY, "stream": False}, timeout=60).status_code == 200
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)]
    print(f"p99 of /api/version {p99 * 1000:.1f} ms, memory {before} to {server.memory()} KiB")


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
