"""The gateway as a process, seen from outside by parts that are not ours.

usage: outside.py <latchkey binary> [<address of a moto server>]

Checks another backend's view of our tokens with PyJWT (docs/examples/verify_token.py) and `latchkey promote`;
where a moto server is given, also promoting in a stack, and that its SNS receives our texts.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
from verify_token import Verifier  # noqa: E402

NOTHING_ELSE = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}


class Gateway:
    """`latchkey --in-memory` on a free port, ended by its id."""

    def __init__(self, binary, folder=None, **variables):
        where = ["--data-dir", folder] if folder else ["--in-memory"]
        self.process = subprocess.Popen(
            [binary, *where, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**NOTHING_ELSE, **variables},
        )
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.url = found.group()
                return
        raise SystemExit("the gateway did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def ask(self, path, body=None, token=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def refused(verifier, token, why):
    try:
        verifier.verify(token)
    except jwt.PyJWTError as error:
        print(f"  refused, {why}: {type(error).__name__}")
        return
    raise SystemExit(f"accepted, {why}")


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def promote(binary, *arguments, **variables):
    """`latchkey promote …`: its exit status and what it said."""
    done = subprocess.run(
        [binary, "promote", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**NOTHING_ELSE, **variables},
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def promote_here(binary):
    with tempfile.TemporaryDirectory() as folder:
        status, said = promote(binary, "+79000000001", "--data-dir", folder)
        assert status == 1 and "sign in first" in said, said
        # While the gateway runs: the role is there at once, in the session of before.
        with Gateway(binary, folder=folder, REVEAL_CODE="true") as gateway:
            code = gateway.ask("/v1/auth/code", {"phone": "+79000000001"})["code"]
            token = gateway.ask("/v1/auth/token", {"phone": "+79000000001", "code": code})["access_token"]
            assert gateway.ask("/v1/users/me", token=token)["role"] == "user"
            status, said = promote(binary, "8 900 000-00-01", "--data-dir", folder)
            assert (status, said) == (0, "+79000000001 is admin now"), said
            assert gateway.ask("/v1/users/me", token=token)["role"] == "admin"
            assert len(gateway.ask("/v1/users?role=admin", token=token)["items"]) == 1
            status, said = promote(binary, "+79000000001", "--role", "user", "--data-dir", folder)
            assert gateway.ask("/v1/users/me", token=token)["role"] == "user", said
            for bad, why in [("+79000000009", "nobody has signed in"), ("abc", "not a phone number")]:
                status, said = promote(binary, bad, "--data-dir", folder)
                assert status == 1 and why in said and "\n" not in said, said
            status, said = promote(
                binary, "+79000000001", "--data-dir", folder, TEST_PHONES="+79000000001=1234@2099-12-31"
            )
            assert status == 1 and "test number" in said, said
    print("  the role changes under a running gateway")


def promote_in_stack(binary, moto):
    variables = {
        "AWS_ENDPOINT_URL_DYNAMODB": moto,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    client = boto3.client(
        "dynamodb",
        endpoint_url=moto,
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    for name in ("staging-UsersTable-AAAA", "production-UsersTable-BBBB"):
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        user = {
            "pk": "user#1", "id": "1", "phone": "+79000000001", "invite_code": "AAAAAA", "role": "user",
            "status": "active",
        }
        item = {key: {"S": value} for key, value in user.items()}
        numbers = {"epoch": {"N": "0"}, "created_at": {"N": "0"}}
        client.put_item(TableName=name, Item={**item, **numbers})
        phone = {"pk": {"S": "phone#+79000000001"}, "owner_id": {"S": "1"}}
        client.put_item(TableName=name, Item=phone)
    status, said = promote(binary, "+79000000001", "--stack", "production", "--role", "moderator", **variables)
    assert (status, said) == (0, "+79000000001 is moderator now"), said
    roles = {
        name: client.get_item(TableName=name, Key={"pk": {"S": "user#1"}})["Item"]["role"]["S"]
        for name in ("staging-UsersTable-AAAA", "production-UsersTable-BBBB")
    }
    assert roles == {"staging-UsersTable-AAAA": "user", "production-UsersTable-BBBB": "moderator"}, roles
    status, said = promote(binary, "+79000000001", "--stack", "nothing", **variables)
    assert status == 1 and "no stack of Latchkey" in said, said
    print("  the role changes in the stack that is named, and in no other")


def another_backend(binary):
    with Gateway(binary, REVEAL_CODE="true", ACCESS_TTL="60") as gateway:
        found = gateway.ask("/.well-known/openid-configuration")
        assert found == {"issuer": gateway.url, "jwks_uri": gateway.url + "/.well-known/jwks.json"}, found
        code = gateway.ask("/v1/auth/code", {"phone": "+79000000001"})["code"]
        signed_in = gateway.ask("/v1/auth/token", {"phone": "+79000000001", "code": code})
        token = signed_in["access_token"]

        verifier = Verifier(gateway.url)
        claims = verifier.verify(token)
        assert claims["sub"] == signed_in["user"]["id"] and claims["role"] == "user", claims
        print("  accepted:", ", ".join(sorted(claims)))

        refused(Verifier(gateway.url, audience="another"), token, "another audience")
        elsewhere = Verifier("https://elsewhere.example.com")
        elsewhere.keys = verifier.keys
        refused(elsewhere, token, "another issuer")
        refused(verifier, token[:-4] + "AAAA", "another signature")
        header, body, signature = token.split(".")
        kid = jwt.get_unverified_header(token)["kid"]
        for algorithm in ("none", "HS256", "RS256"):
            forged = part({"alg": algorithm, "typ": "at+jwt", "kid": kid})
            refused(verifier, f"{forged}.{body}.{signature}", f"algorithm {algorithm}")
        foreign = ec.generate_private_key(ec.SECP256R1())
        headers = {"kid": kid, "typ": "at+jwt"}
        refused(verifier, jwt.encode(claims, foreign, "ES256", headers), "a foreign key under our kid")
        refused(verifier, jwt.encode(claims, foreign, "ES256", {**headers, "kid": "x"}), "an unknown key")
        refused(verifier, f"{part({'alg': 'ES256', 'typ': 'JWT', 'kid': kid})}.{body}.{signature}", "another type")

        # The refresh token is for us alone.
        refused(verifier, signed_in["refresh_token"], "a refresh token")
        time.sleep(max(0, claims["exp"] - time.time()) + 1)
        refused(verifier, token, "expired")


def sns(binary, moto):
    variables = {"SMS_PROVIDER": "sns", "AWS_ENDPOINT_URL_SNS": moto, "REVEAL_CODE": "true"}
    with Gateway(binary, SMS_DOMAIN="example.com", **variables) as gateway:
        code = gateway.ask("/v1/auth/code", {"phone": "+12015550123", "locale": "en"})["code"]
        with urllib.request.urlopen(f"{moto}/moto-api/data.json", timeout=10) as answer:
            sent = json.load(answer)["sns"]
        texts = json.dumps(sent)
        expected = json.dumps(f"{code} is your Latchkey code. Tell it to nobody.\n@example.com #{code}")
        assert "+12015550123" in texts and expected.strip('"') in texts, texts
        print("  moto's SNS was asked to send:", expected)


if __name__ == "__main__":
    binary, moto = sys.argv[1], sys.argv[2:3]
    print("another backend checks our tokens")
    another_backend(binary)
    print("promoting here")
    promote_here(binary)
    if moto:
        print("promoting in a stack")
        promote_in_stack(binary, moto[0])
        print("texts by SNS")
        sns(binary, moto[0])
