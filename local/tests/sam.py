"""The deployed artefacts, without a cloud and without Docker.

usage: sam.py <latchkey binary> <folder of the functions' binaries> [--arm64 <folder of `sam build`>]

Runs in an environment with aws-sam-cli. SAM's own local API serves the routes of template.yaml, SAM's own resolver
says which variables each function gets, and the runtime emulator of SAM's wheel runs each function's binary; only the
containers are missing. The story is told over HTTP, every function takes part, and the texts show in the inbox of the
gateway whose tables they share. Functions that are in the folder of --arm64 were built for that processor, and run under
qemu with the emulator that SAM has for it.
"""

import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import samcli.local.rapid
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.apigw.local_apigw_service import LocalApigwService
from werkzeug.serving import make_server

from authenticator import Passkey
from gateway import NOTHING_ELSE, Gateway

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
ADMIN, ALICE, BOB = "+79000000001", "+79000000002", "+79000000003"


def free_port():
    """One that nobody else is given: systems draw those of connections above 32767."""
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as taken:
            try:
                taken.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def emulator(machine):
    source = Path(samcli.local.rapid.__path__[0]) / f"aws-lambda-rie-{machine}"
    if not os.access(source, os.X_OK):
        source.chmod(0o755)
    return source


def arm64(binary):
    """The emulator and a binary for arm64, which a machine of another kind runs step by step."""
    run = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
    return [*run, emulator("arm64")], [shutil.which(run[0]), *run[1:], binary]


class Functions(LocalLambdaRunner):
    """What `sam local` runs functions with, the emulator in the place of a container."""

    def __init__(self, provider, variables, binaries, built_for_arm64):
        super().__init__(None, provider, str(ROOT), str(ROOT), env_vars_values=variables, aws_region="eu-central-1")
        self.binaries, self.built_for_arm64 = Path(binaries), built_for_arm64
        self.running = {}
        self.log = tempfile.TemporaryFile("w+")

    def is_debugging(self):
        return False

    def variables(self, function):
        resolved = self._make_env_vars(function).resolve()
        # Where a container finds the machine, a process on it has to look elsewhere.
        return {name: str(value).replace("host.docker.internal", LOOPBACK) for name, value in resolved.items()}

    def start(self, function):
        events, api = free_port(), free_port()
        machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
        around, binary = [emulator(machine)], [self.binaries / function.metadata["BuildProperties"]["Binary"]]
        if function.name in self.built_for_arm64:
            around, binary = arm64(self.built_for_arm64[function.name])
        process = subprocess.Popen(
            [
                *around,
                "--runtime-interface-emulator-address",
                f"{LOOPBACK}:{events}",
                "--runtime-api-address",
                f"{LOOPBACK}:{api}",
                *binary,
            ],
            env={**NOTHING_ELSE, **self.variables(function)},
            stdout=self.log,
            stderr=self.log,
        )
        for _ in range(200):
            try:
                socket.create_connection((LOOPBACK, events), 1).close()
                return process, events
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"the emulator of {function.name} did not start")

    def invoke(self, function_identifier, event, *_, stdout=None, **__):
        function = self.provider.get(function_identifier)
        if function.name not in self.running:
            self.running[function.name] = self.start(function)
        _, port = self.running[function.name]
        url = f"http://{LOOPBACK}:{port}/2015-03-31/functions/function/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, event.encode()), timeout=30) as answer:
            stdout.write_str(answer.read().decode())

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        # Before they end, which they log at length.
        if failure:
            self.log.seek(0)
            print(self.log.read()[-4000:])
        for process, _port in self.running.values():
            process.terminate()
            process.wait(10)


class Api:
    """Requests to SAM's local API."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None, token=None, media_type="application/json"):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["content-type"] = media_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content) if content else None
        except ValueError:
            return status, content

    def ok(self, *arguments, status=200, **named):
        answer = self.ask(*arguments, **named)
        assert answer[0] == status, (arguments, answer)
        return answer[1]


def last_code(gateway, phone):
    return re.match(r"\d+", gateway.ask(f"/local/messages?to={phone}")[-1]["body"]).group()


def story(api, gateway):
    """Every endpoint, as an app, its moderators and another backend would call it."""

    def sign_in(phone, status=200):
        asked = api.ok("POST", "/v1/auth/code", {"phone": phone}, status=202)
        body = {"phone": phone, "code": last_code(gateway, phone), "challenge_id": asked["challenge_id"]}
        return api.ok("POST", "/v1/auth/token", body)

    admin, alice, bob = sign_in(ADMIN), sign_in(ALICE), sign_in(BOB)
    assert admin["user"]["role"] == "admin" and alice["is_new"]
    token, other = alice["access_token"], bob["access_token"]
    wrong = {"phone": ALICE, "code": "0000"}
    assert api.ask("POST", "/v1/auth/token", wrong)[1]["code"] == "invalid_code"

    invite = {"invite_code": alice["user"]["invite_code"]}
    assert api.ok("PUT", "/v1/users/me/referrer", invite, other)["referrer"]["id"] == alice["user"]["id"]
    assert api.ok("GET", "/v1/users/me", token=token)["referrals"] == [BOB]
    assert [item["phone"] for item in api.ok("GET", "/v1/users/me/referrals", token=token)["items"]] == [BOB]
    assert api.ok("PATCH", "/v1/users/me", {"city": "Omsk"}, token)["city"] == "Omsk"

    exported = api.ok("GET", "/v1/users/me/export", token=token)
    assert exported["account"]["city"] == "Omsk" and exported["account"]["sessions"], exported
    assert [item["phone"] for item in exported["referrals"]] == [BOB]

    picture = (ROOT / "local/tests/it/one-pixel.png").read_bytes()
    avatar = api.ok("PUT", "/v1/users/me/avatar", picture, token, media_type="image/png")["avatar_url"]
    served = api.ok("GET", re.sub("^https?://[^/]*", "", avatar))
    # Drawn anew, without what a camera writes beside the picture.
    assert served.startswith(b"\xff\xd8\xff"), served[:20]

    refreshed = api.ok("POST", "/v1/auth/refresh", {"refresh_token": alice["refresh_token"]})
    token = refreshed["access_token"]
    api.ok("POST", "/v1/auth/code", {"phone": "+79000000004", "purpose": "change_phone"}, token, status=202)
    moved = {"phone": "+79000000004", "code": last_code(gateway, "+79000000004")}
    assert api.ok("PUT", "/v1/users/me/phone", moved, token)["phone"] == "+79000000004"

    staff = admin["access_token"]
    assert len(api.ok("GET", "/v1/users", token=staff)["items"]) == 3
    assert len(api.ok("GET", "/v1/users?phone=%2B79000000004", token=staff)["items"]) == 1
    assert api.ask("GET", "/v1/users", token=other)[1]["code"] == "forbidden"
    path = f"/v1/users/{alice['user']['id']}/invite"
    assert api.ok("PATCH", path, {"max_uses": 5}, staff)["uses"] == 1
    acts = [entry["action"] for entry in api.ok("GET", "/v1/audit", token=staff)["items"]]
    assert acts == ["changed_invite", "moved_phone"], acts
    guard = api.ok("GET", "/v1/guard", token=staff)
    assert guard["texts"]["sent"] > 0 and not guard["items"], guard
    told = api.ok("POST", "/v1/support/phones", {"phone": "+79000000004"}, staff)
    outcomes = [text["outcome"] for text in told["registers"][0]["texts"]]
    assert (told["account"]["id"], outcomes) == (alice["user"]["id"], ["entered"]), told
    api.ok("DELETE", "/v1/support/phones/limits", {"phone": "+79000000004"}, staff, status=204)
    assert not api.ok("POST", "/v1/support/phones", {"phone": "+79000000004"}, staff)["registers"][0]["limits"]
    days = api.ok("GET", "/v1/stats", token=staff)["items"]
    assert sum(day["sign_ups"] for day in days) == 3
    # Done after the answer: what is counted of a text, and the notice to the old number.
    assert [sum(day[name] for day in days) for name in ("codes_texted", "codes_entered")] == [4, 4]
    assert len(gateway.ask(f"/local/messages?to={ALICE}")) == 2

    making = api.ok("POST", "/v1/users/me/passkeys/options", {}, token)
    passkey = Passkey(making["public_key"], gateway.url)
    added = {"challenge_id": making["challenge_id"], "credential": passkey.made(), "name": "Phone"}
    added = api.ok("POST", "/v1/users/me/passkeys", added, token, status=201)
    using = api.ok("POST", "/v1/auth/passkey/options", {})
    used = {"challenge_id": using["challenge_id"], "credential": passkey.used(using["public_key"])}
    by_passkey = api.ok("POST", "/v1/auth/passkey", used)
    assert by_passkey["user"]["id"] == alice["user"]["id"]
    assert api.ask("POST", "/v1/auth/passkey", used)[1]["code"] == "passkey_not_accepted"
    (listed,) = api.ok("GET", "/v1/users/me/passkeys", token=token)["items"]
    assert listed["id"] == added["id"] and listed["last_used_at"]
    path = f"/v1/users/me/passkeys/{added['id']}"
    assert api.ok("PATCH", path, {"name": "Old phone"}, token)["name"] == "Old phone"
    api.ok("DELETE", path, token=token, status=204)
    assert api.ask("GET", "/v1/users/me", token=by_passkey["access_token"])[1]["code"] == "session_ended"

    again = sign_in("+79000000004")
    sessions = api.ok("GET", "/v1/users/me/sessions", token=token)["items"]
    (second,) = [session["id"] for session in sessions if not session["current"]]
    api.ok("DELETE", f"/v1/users/me/sessions/{second}", token=token, status=204)
    assert api.ask("GET", "/v1/users/me", token=again["access_token"])[1]["code"] == "session_ended"
    api.ok("POST", "/v1/auth/logout", {"scope": "global"}, token, status=204)
    assert api.ask("GET", "/v1/users/me", token=token)[1]["code"] == "session_ended"
    api.ok("DELETE", "/v1/users/me", token=other, status=204)

    assert api.ok("GET", "/.well-known/jwks.json")["keys"][0]["crv"] == "P-256"
    assert api.ok("GET", "/health") is not None
    assert api.ask("GET", "/nothing")[1]["code"] == "not_found"
    assert api.ask("POST", "/v1/users/me")[1]["code"] == "method_not_allowed"


def refuses_what_is_for_laptops(binaries):
    """In Lambda itself neither an inbox nor a revealed code would be a laptop's."""
    for name, value in [("SMS_PROVIDER", "inbox"), ("REVEAL_CODE", "true")]:
        variables = {"SMS_PROVIDER": "sns", "AWS_LAMBDA_FUNCTION_NAME": "f", "PEPPER_SECRET": "p" * 16, name: value}
        done = subprocess.run(
            [Path(binaries) / "request-code"],
            env={**variables, "AWS_LAMBDA_RUNTIME_API": f"{LOOPBACK}:1"},
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode != 0 and name in done.stdout, (name, done.stdout, done.stderr)


def get_what_they_need(functions, dynamodb):
    """Tables by logical id, the engine, the secrets, the inbox, and what the gateway was started with, where it is read."""
    expected = {
        "USERS_TABLE": "UsersTable",
        "CODES_TABLE": "CodesTable",
        "SESSIONS_TABLE": "SessionsTable",
        "AUDIT_TABLE": "AuditTable",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{LOOPBACK}:{dynamodb}",
        "SMS_PROVIDER": "inbox",
        "ADMIN_PHONES": ADMIN,
        "CODES_PER_IP_HOUR": "0",
    }
    secrets = {"SIGNING_SECRET", "PEPPER_SECRET"}
    told = Counter()
    for function in functions.provider.get_all():
        given = functions.variables(function)
        for name in expected.keys() & given.keys():
            assert given[name] == expected[name], (function.name, name, given[name])
        assert all(given[name] for name in secrets & given.keys()), function.name
        told.update(given.keys())
    assert told.keys() >= expected.keys() | secrets, told
    assert (told["SIGNING_SECRET"], told["SMS_PROVIDER"]) == (3, 2), told


def main():
    latchkey, binaries, *rest = sys.argv[1:]
    built_for_arm64 = {}
    if rest:
        flag, folder = rest
        assert flag == "--arm64", flag
        built_for_arm64 = {file.parent.name: file for file in Path(folder).absolute().glob("*/bootstrap")}
        assert built_for_arm64, f"{folder} holds no function"
        for file in built_for_arm64.values():
            # What ELF says of the processor.
            assert file.read_bytes()[18:20] == b"\xb7\0", f"{file} is not for arm64"
    (stacks, _) = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    provider = SamFunctionProvider(stacks)
    dynamodb = free_port()
    variables = {"ADMIN_PHONES": ADMIN, "RESEND_COOLDOWN": "0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Gateway(latchkey, "--data-dir", folder, "--dynamodb-port", str(dynamodb), **variables) as gateway,
    ):
        file = Path(folder) / "sam.env.json"
        while not file.exists():
            time.sleep(0.05)
        assert file.stat().st_mode & 0o077 == 0, "others can read the secrets"
        with Functions(provider, json.loads(file.read_text()), binaries, built_for_arm64) as functions:
            get_what_they_need(functions, dynamodb)
            api = ApiProvider(stacks, cwd=str(ROOT)).api
            # An HTTP API hands every picture over in base64; SAM's copy of it only those of a REST API's list.
            api.binary_media_types_set.add("image/png")
            service = LocalApigwService(api, functions, port=0, host=LOOPBACK)
            service.create()
            server = make_server(LOOPBACK, 0, service._app)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            story(Api(f"http://{LOOPBACK}:{server.server_port}"), gateway)
            server.shutdown()
            called, all_of_them = set(functions.running), {function.name for function in provider.get_all()}
            assert called == all_of_them, all_of_them - called
            assert built_for_arm64.keys() <= called
            of_them = f", {', '.join(built_for_arm64)} of them for arm64" if built_for_arm64 else ""
            print(f"  the story was told through {len(called)} functions in the runtime emulator{of_them}")
    refuses_what_is_for_laptops(binaries)
    print("  what is for laptops is refused in Lambda")


if __name__ == "__main__":
    main()
