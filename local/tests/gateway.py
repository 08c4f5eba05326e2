"""`latchkey` as a process of its own, for whatever looks at it from outside."""

import json
import os
import re
import subprocess
import threading
import urllib.request

NOTHING_ELSE = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}


class Gateway:
    """One on a free port, with no variables but these; ended by its id."""

    def __init__(self, binary, *arguments, **variables):
        self.process = subprocess.Popen(
            [binary, *(arguments or ["--in-memory"]), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**NOTHING_ELSE, **variables},
        )
        for line in self.process.stdout:
            if found := re.search(r"http://localhost:\d+", line):
                self.url = found.group()
                break
        else:
            raise SystemExit("the gateway did not start")
        # It must not wait for somebody to read on.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.terminate()
        self.process.wait(10)

    def ask(self, path, body=None, token=None, method=None):
        """The JSON that it answers; the body is bytes, or sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
