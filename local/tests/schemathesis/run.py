"""Runs schemathesis against a gateway with its limits off, as a user and as an
admin: python run.py <latchkey> [more options of schemathesis]"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from gateway import Gateway  # noqa: E402

ADMINS = ",".join(f"+7905{number:07}" for number in range(200))
OFF = [
    "MAX_ATTEMPTS", "RESEND_COOLDOWN", "CODES_PER_PHONE_HOUR", "CODES_PER_PHONE_DAY", "GUESSES_PER_PHONE_DAY",
    "CODES_PER_IP_HOUR", "GUESSES_PER_IP_HOUR", "TEXTS_PER_DAY", "GUARD_STOCKS",
    "INVITE_GUESSES_PER_DAY",
]


def run(binary, role, more):
    variables = {name: "0" for name in OFF} | {"REVEAL_CODE": "true", "ADMIN_PHONES": ADMINS}
    with Gateway(binary, **variables) as gateway:
        command = [
            str(pathlib.Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(HERE / "schemathesis.toml"),
            "run", f"{gateway.url}/openapi.json",
            "--checks", "all", "--mode", "all", "--generation-deterministic", "--no-color",
            "--continue-on-failure",
            *more,
        ]
        env = os.environ | {
            "LATCHKEY": gateway.url, "LATCHKEY_ROLE": role, "LATCHKEY_ADMINS": ADMINS,
            "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(command, env=env).returncode


binary, *more = sys.argv[1:]
for role in ["user", "admin"]:
    print(f"-- as {role}", flush=True)
    if status := run(binary, role, more):
        sys.exit(status)
