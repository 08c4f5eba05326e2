"""The gateway as a process, seen from outside by parts that are not ours.

usage: outside.py <latchkey binary> [<address of a moto server>]

Checks another backend's view of our tokens with both examples of docs/examples (PyJWT, and jose in Node, which
`npm ci --prefix docs/examples` installs), its canary, and `latchkey promote`; where a moto server is given, also promoting in a
stack, and that its SNS receives our texts.
"""

import base64
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import boto3
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))
import verify_token  # noqa: E402

from gateway import NOTHING_ELSE, Gateway  # noqa: E402


class Refused(Exception):
    """A verifier refused a token."""


class InPython:
    """docs/examples/verify_token.py"""

    def __init__(self, issuer, audience="latchkey", keys_of=None):
        self.verifier = verify_token.Verifier(issuer, audience)
        if keys_of:
            self.verifier.keys = verify_token.Verifier(keys_of).keys

    def verify(self, token):
        try:
            return self.verifier.verify(token)
        except jwt.PyJWKClientConnectionError:
            raise
        except jwt.PyJWTError as error:
            raise Refused(type(error).__name__) from error


class InNode:
    """docs/examples/verify_token.mjs"""

    SCRIPT = """
        import { Verifier } from "./verify_token.mjs";
        const [issuer, audience, keysOf, token] = JSON.parse(process.argv[1]);
        const verifier = new Verifier(issuer, audience);
        if (keysOf) verifier.keys = new Verifier(keysOf).keys;
        try {
            console.log(JSON.stringify({ claims: await verifier.verify(token) }));
        } catch (error) {
            if (!/^ERR_(JWT|JWS|JOSE_ALG|JWKS_NO_MATCHING)_/.test(error.code)) throw error;
            console.log(JSON.stringify({ refused: error.code }));
        }
    """

    def __init__(self, issuer, audience="latchkey", keys_of=None):
        self.names = [issuer, audience, keys_of]

    def verify(self, token):
        command = ["node", "--input-type=module", "--eval", self.SCRIPT, json.dumps([*self.names, token])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=EXAMPLES)
        if done.returncode:
            raise SystemExit(done.stderr)
        answer = json.loads(done.stdout)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["claims"]


def refused(verifier, token, why):
    try:
        verifier.verify(token)
    except Refused as reason:
        print(f"  refused by {type(verifier).__name__}, {why}: {reason}")
        return
    raise SystemExit(f"accepted by {type(verifier).__name__}, {why}")


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
        with Gateway(binary, "--data-dir", folder, REVEAL_CODE="true") as gateway:
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


# What `promote` asks of the AWS CLI, which CI has none of: the one question, with boto3's answer.
AWS = """
import sys
import boto3

service, operation, _, stack, *_, query = sys.argv[1:]
assert (service, operation) == ("cloudformation", "describe-stacks"), sys.argv
client = boto3.client(
    service, endpoint_url="{moto}", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
)
try:
    outputs = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
except client.exceptions.ClientError as error:
    sys.exit(str(error))
print(*(output["OutputValue"] for output in outputs if output["OutputKey"] in query))
"""


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
    stacks = boto3.client(
        "cloudformation",
        endpoint_url=moto,
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    trail = [("month", "HASH"), ("position", "RANGE")]
    client.create_table(
        TableName="production-AuditTable-BBBB",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in trail],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in trail],
    )
    tables = {
        "UsersTableName": {"Value": "production-UsersTable-BBBB"},
        "AuditTableName": {"Value": "production-AuditTable-BBBB"},
    }
    for stack, outputs in [("production", tables), ("other", {})]:
        # Something has to be in a stack.
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": stack}}
        stacks.create_stack(StackName=stack, TemplateBody=json.dumps({"Resources": {"Topic": topic}, "Outputs": outputs}))
    with tempfile.TemporaryDirectory() as folder:
        stub = Path(folder) / "aws"
        stub.write_text(f"#!{sys.executable}\n" + AWS.format(moto=moto))
        stub.chmod(0o755)
        variables["PATH"] = folder
        status, said = promote(binary, "+79000000001", "--stack", "production", "--role", "moderator", **variables)
        assert (status, said) == (0, "+79000000001 is moderator now"), said
        roles = {
            name: client.get_item(TableName=name, Key={"pk": {"S": "user#1"}})["Item"]["role"]["S"]
            for name in ("staging-UsersTable-AAAA", "production-UsersTable-BBBB")
        }
        (entry,) = client.scan(TableName="production-AuditTable-BBBB")["Items"]
        told = {key: value["S"] for key, value in entry.items() if key in ("actor", "action", "target", "from", "to")}
        assert told == {"actor": "cli", "action": "changed_role", "target": "1", "from": "user", "to": "moderator"}, told
        assert roles == {"staging-UsersTable-AAAA": "user", "production-UsersTable-BBBB": "moderator"}, roles
        for stack, why in [("nothing", "does not exist"), ("other", "no stack of Latchkey")]:
            status, said = promote(binary, "+79000000001", "--stack", stack, **variables)
            assert status == 1 and why in said, said
    print("  the role changes in the stack that is named, and in no other")


def signing_key(entry):
    """The key of an entry of the signing secret, derived as `shared/src/tokens/keys.rs` does."""
    info = b"latchkey access token ES256 \0"
    drawn = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(entry.encode())
    return ec.derive_private_key(int.from_bytes(drawn, "big"), ec.SECP256R1())


def another_backend(binary):
    secret = "an-entry-of-the-tests-alone"
    with Gateway(binary, REVEAL_CODE="true", SIGNING_SECRET=secret) as gateway:
        found = gateway.ask("/.well-known/openid-configuration")
        assert found == {"issuer": gateway.url, "jwks_uri": gateway.url + "/.well-known/jwks.json"}, found
        code = gateway.ask("/v1/auth/code", {"phone": "+79000000001"})["code"]
        signed_in = gateway.ask("/v1/auth/token", {"phone": "+79000000001", "code": code})
        token = signed_in["access_token"]
        header, body, signature = token.split(".")
        headers = jwt.get_unverified_header(token)
        key, foreign = signing_key(secret), ec.generate_private_key(ec.SECP256R1())

        for language in InPython, InNode:
            verifier = language(gateway.url)
            claims = verifier.verify(token)
            assert claims["sub"] == signed_in["user"]["id"] and claims["role"] == "user", claims
            print(f"  accepted by {language.__name__}:", ", ".join(sorted(claims)))

            refused(language(gateway.url, audience="another"), token, "another audience")
            elsewhere = language("https://elsewhere.example.com", keys_of=gateway.url)
            refused(elsewhere, token, "another issuer")
            refused(verifier, token[:-4] + "AAAA", "another signature")
            for algorithm in ("none", "HS256", "RS256"):
                forged = part({**headers, "alg": algorithm})
                refused(verifier, f"{forged}.{body}.{signature}", f"algorithm {algorithm}")
            refused(verifier, jwt.encode(claims, foreign, "ES256", headers), "a foreign key under our kid")
            refused(verifier, jwt.encode(claims, foreign, "ES256", {**headers, "kid": "x"}), "an unknown key")
            # The refresh token is for us alone.
            refused(verifier, signed_in["refresh_token"], "a refresh token")

            # What our own key signs and is no access token of now.
            assert verifier.verify(jwt.encode(claims, key, "ES256", headers)) == claims
            refused(verifier, jwt.encode(claims, key, "ES256", {**headers, "typ": "JWT"}), "another type")
            past = {**claims, "iat": claims["iat"] - 1800, "exp": claims["exp"] - 1800}
            refused(verifier, jwt.encode(past, key, "ES256", headers), "expired")
            for claim in ("exp", "iat", "iss", "aud", "sub", "sid"):
                lacking = {name: value for name, value in claims.items() if name != claim}
                refused(verifier, jwt.encode(lacking, key, "ES256", headers), f"no {claim}")

    # The keys are out of reach now, which tells nothing of a token.
    for language in InPython, InNode:
        try:
            language(gateway.url).verify(token)
        except (jwt.PyJWKClientConnectionError, SystemExit) as error:
            assert "refused" in str(error) or "ECONNREFUSED" in str(error), error
            print(f"  not refused by {language.__name__}, which cannot reach the keys")
        else:
            raise SystemExit(f"accepted by {language.__name__} without keys")


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


def canary(binary):
    """docs/examples/canary.py, where all is well, where the code is wrong, where it is slow, and where nobody listens."""
    phone, code = "+447700900123", "73019264"

    def run(url, typed=code, limit="60000"):
        variables = {"CANARY_URL": url, "CANARY_PHONE": phone, "CANARY_CODE": typed, "CANARY_MS": limit}
        command = [sys.executable, EXAMPLES / "canary.py"]
        done = subprocess.run(
            command, env={**NOTHING_ELSE, **variables}, capture_output=True, text=True, timeout=60
        )
        return done.returncode, json.loads(done.stdout)

    with Gateway(binary, TEST_PHONES=f"{phone}={code}@2099-12-31", REQUIRE_CHALLENGE="true") as gateway:
        for _ in range(25):
            # More often than there are places for sessions.
            status, told = run(gateway.url)
            assert status == 0 and list(told["took"]) == ["code", "token", "profile", "sign_out"], told
        status, told = run(gateway.url, typed="00000000")
        assert status == 1 and "request_id" in told["answer"] and list(told["took"]) == ["code", "token"], told
        status, told = run(gateway.url, limit="0")
        assert status == 1 and not told["ok"], told
    status, told = run(gateway.url)
    assert status == 1 and "refused" in told["failure"], told
    print("  the canary signs in again and again, and tells what fails and what is slow")


if __name__ == "__main__":
    binary, moto = sys.argv[1], sys.argv[2:3]
    print("another backend checks our tokens")
    another_backend(binary)
    print("promoting here")
    promote_here(binary)
    print("a canary signs in")
    canary(binary)
    if moto:
        print("promoting in a stack")
        promote_in_stack(binary, moto[0])
        print("texts by SNS")
        sns(binary, moto[0])
