"""A device with a passkey, by the openssl of the machine: what it makes and what it signs, in WebAuthn's own JSON."""

import base64
import hashlib
import json
import subprocess
import tempfile

# Flags of the authenticator data: the user is present, verified, and the passkey is synced; a credential is attached.
USER, SYNCED, ATTACHED = 0x05, 0x18, 0x40


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Passkey:
    """A passkey that a device makes by the options of the API, at an origin."""

    def __init__(self, public_key, origin):
        self.origin, self.rp_id = origin, public_key["rp"]["id"]
        self.user_handle, self.challenge = public_key["user"]["id"], public_key["challenge"]
        self.key = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        # The end of every such key is its point: a 4, x and y.
        self.point = openssl("ec", "-pubout", "-outform", "DER", given=self.key)[-64:]
        self.id = hashlib.sha256(self.point).digest()[:20]

    def made(self):
        """`RegistrationResponseJSON`."""
        x, y = self.point[:32], self.point[32:]
        # In COSE: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
        cose = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y
        attached = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        data = self.data(USER | SYNCED | ATTACHED) + attached
        # In CBOR: {"fmt": "none", "attStmt": {}, "authData": data}.
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
        client = self.client("webauthn.create", self.challenge)
        return self.json(client, attestationObject=encoded(attestation))

    def used(self, public_key):
        """`AuthenticationResponseJSON`."""
        data, client = self.data(USER | SYNCED), self.client("webauthn.get", public_key["challenge"])
        signature = openssl("dgst", "-sha256", "-sign", "/dev/stdin", given=self.key, file=data + hashlib.sha256(client).digest())
        parts = {"authenticatorData": encoded(data), "signature": encoded(signature), "userHandle": self.user_handle}
        return self.json(client, **parts)

    def data(self, flags):
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + bytes(4)

    def client(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def json(self, client, **parts):
        response = {"clientDataJSON": encoded(client), **parts}
        return {"id": encoded(self.id), "rawId": encoded(self.id), "type": "public-key", "response": response}


def openssl(*arguments, given=None, file=None):
    """What it says of `given`, the standard input, and of a file that holds this."""
    command = ["openssl", *arguments]
    if file is None:
        return subprocess.run(command, input=given, check=True, capture_output=True).stdout
    with tempfile.NamedTemporaryFile() as held:
        held.write(file)
        held.flush()
        return subprocess.run([*command, held.name], input=given, check=True, capture_output=True).stdout
