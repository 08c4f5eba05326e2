"""What schemathesis cannot know: numbers that exist, and how to sign in."""

import itertools
import json
import os
import urllib.error
import urllib.request

import schemathesis
from hypothesis import strategies as st

BASE = os.environ["LATCHKEY"]
ROLE = os.environ["LATCHKEY_ROLE"]
ADMINS = os.environ["LATCHKEY_ADMINS"].split(",")

# Ranges of mobile numbers in several countries, and numbers that no text reaches.
REAL = st.one_of(
    st.integers(0, 9_999_999).map(lambda n: f"+7902{n:07}"),
    st.integers(0, 999_999).map(lambda n: f"8 (903) 1{n // 10_000:02}-{n // 100 % 100:02}-{n % 100:02}"),
    st.integers(0, 9_999).map(lambda n: f"+4479111{n:04}7"),
    st.integers(0, 99_999).map(lambda n: f"+393471{n:05}0"),
    st.sampled_from(["+78121234567", "+88161234567", "+12015550123", "+7", "911", ""]),
)
schemathesis.openapi.format("phone", REAL)

users = (f"+7904{number:07}" for number in itertools.count())
admins = itertools.cycle(ADMINS)


# What a device fills in by itself is described as the text that it is meant to be, and refuses nobody whatever it is.
HINTS = ["app_hash", "device", "locale", "region"]


@schemathesis.hook
def filter_case(context, case):
    body = case.body if isinstance(case.body, dict) else {}
    return all(body.get(hint) is None or isinstance(body[hint], str) for hint in HINTS)


def post(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def sign_in():
    """The token of somebody new, or of the next admin who was not banned by another."""
    for phone in users if ROLE == "user" else admins:
        code = post("/v1/auth/code", {"phone": phone})["code"]
        try:
            return post("/v1/auth/token", {"phone": phone, "code": code})["access_token"]
        except urllib.error.HTTPError as refused:
            if json.load(refused)["code"] != "account_banned":
                raise


# Each case signs in anew: the one before may have ended its own session.
@schemathesis.auth(refresh_interval=None)
class Token:
    def get(self, case, context):
        return sign_in()

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
