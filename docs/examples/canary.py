"""Signs in as a person would, with a test number: ask for a code, enter it, read the profile, sign out.

    CANARY_URL=https://auth.example.com CANARY_PHONE=+447700900123 CANARY_CODE=73019264 python3 canary.py

Needs Python 3.9 and nothing else. Ends with 0 and a line of JSON that says what each step took, in milliseconds; with 1
where a step failed, which the line names, or where all of them took longer than CANARY_MS (5000).
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

TIMEOUT = 10


def ask(url, method, path, body=None, token=None):
    """The JSON of an answer of 2xx; whatever else raises."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def sign_in(url, phone, code, took):
    """Does it; `took` gets the milliseconds of each step, the one that fails included."""

    def step(name, *arguments, **named):
        began = time.monotonic()
        try:
            return ask(url, *arguments, **named)
        finally:
            took[name] = round((time.monotonic() - began) * 1000)

    asked = step("code", "POST", "/v1/auth/code", {"phone": phone})
    entered = {"phone": phone, "code": code, "challenge_id": asked["challenge_id"]}
    token = step("token", "POST", "/v1/auth/token", entered)["access_token"]
    me = step("profile", "GET", "/v1/users/me", token=token)
    # Or each run would leave a session.
    step("sign_out", "POST", "/v1/auth/logout", {"scope": "local"}, token=token)
    if me["phone"] != phone:
        raise ValueError("this is somebody else's profile")


def main():
    took = {}
    try:
        url, phone, code = (os.environ[f"CANARY_{name}"] for name in ("URL", "PHONE", "CODE"))
        limit = int(os.environ.get("CANARY_MS", "5000"))
        sign_in(url.rstrip("/"), phone, code, took)
    except (KeyError, ValueError, OSError) as error:
        # What was refused says why, and has a request_id that the log can be asked for.
        said = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
        failure = f"{type(error).__name__}: {error}"
        print(json.dumps({"ok": False, "took": took, "failure": failure, "answer": said[:500]}))
        return 1
    is_quick = sum(took.values()) <= limit
    print(json.dumps({"ok": is_quick, "took": took} | ({} if is_quick else {"failure": f"took more than {limit} ms"})))
    return 0 if is_quick else 1


if __name__ == "__main__":
    sys.exit(main())
