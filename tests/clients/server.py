"""A `camelid serve` of our own: a free port, an empty store, the bundled model.

As a program: `server.py COMMAND...` runs the command with OLLAMA_HOST naming such a server.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading


class Server:
    """Runs until the end of the `with` block."""

    def __init__(self, **environment: str):
        self.home = tempfile.TemporaryDirectory(prefix="camelid-clients-")
        self.environment = {
            "OLLAMA_HOST": "127.0.0.1:0",
            "OLLAMA_MODELS": self.home.name,
            "OLLAMA_CONTEXT_LENGTH": "2048",
            **environment,
        }
        self.log: list[str] = []

    def __enter__(self) -> "Server":
        command = [os.environ["CAMELID"], "serve"]
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            self.log.append(line)
            if address := re.search(r"Listening on (\S+)", line):
                self.host = address[1].strip('"')
                break
        else:
            raise RuntimeError("the server did not start:\n" + "".join(self.log))
        self.url = f"http://{self.host}"
        # Somebody must empty the pipe, or the server waits for it.
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.home.cleanup()

    def memory(self) -> int:
        """Resident memory in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


if __name__ == "__main__":
    with Server() as running:
        command = subprocess.run(sys.argv[1:], env={**os.environ, "OLLAMA_HOST": running.url})
    sys.exit(command.returncode)
