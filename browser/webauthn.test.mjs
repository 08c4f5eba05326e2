// What the API accepts of passkeys, held against another server's judgement of the same
// answers (@simplewebauthn/server): those that Chromium's authenticator gives, and changes to
// them. Uses are signed anew after each change, so that it is the change that is refused.

import { isoCBOR } from "@simplewebauthn/server/helpers";
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
import assert from "node:assert/strict";
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { authenticator, create, use } from "./authenticator.mjs";
import { launch, open } from "./browser.mjs";
import { ADMIN, start } from "./gateway.mjs";

const [PRESENT, VERIFIED, MAY_SYNC, SYNCED, WITH_KEY, EXTENDED] = [1, 4, 8, 16, 64, 128];
const FLAGS = 32;
const COUNTER = 33;
const ID_LENGTH = 53;
const ID = 55;
/** A COSE key's parameters. */
const [ALG, CRV, Y] = [3, -1, -3];

const decoded = (text) => Buffer.from(text, "base64url");
const encoded = (bytes) => Buffer.from(bytes).toString("base64url");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const without = (bytes, flag) => bytes.with(FLAGS, bytes[FLAGS] & ~flag);
const having = (bytes, flag) => bytes.with(FLAGS, bytes[FLAGS] | flag);
const followed = (bytes) => Buffer.concat([bytes, Buffer.from([0])]);
const flipped = (bytes, at) => bytes.with(at, bytes[at] ^ 1);

let browser;
let gateway;
let page;
let device;
let session;

before(async () => {
  // All come from one address.
  [browser, gateway] = await Promise.all([launch(), start({ GUESSES_PER_IP_HOUR: "0" })]);
  page = await open(browser);
  device = await authenticator(page);
  await page.goto(`${gateway.url}/admin`);
  session = await gateway.signIn(ADMIN);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** Whether our API accepts a request; any answer but one is an error. */
async function weAccept(path, body, token) {
  try {
    await gateway.ask("POST", path, { body, token });
    return true;
  } catch (error) {
    assert.match(error.message, /: 422 .*"passkey_not_accepted"/);
    return false;
  }
}

/** Whether the other server accepts an answer. */
async function theyAccept(verification) {
  try {
    return (await verification).verified;
  } catch {
    return false;
  }
}

/** The same expectations for both, which the API has by itself. */
const expected = (challenge) => ({
  expectedChallenge: challenge,
  expectedOrigin: gateway.url,
  expectedRPID: "localhost",
  requireUserVerification: true,
});

// Why the other server accepts what we refuse.
const ANY_FRAME = { made: "it does not look where a new one was made", used: "it lets pass what names no page around it" };
const ANY_KEY = "it reads keys only once they are used";
const CALLER = { used: "whoever calls it finds passkey and person" };
const PADDED = "it reads base64url with padding, too";
const ANY_ID = "it does not look at the identifier that the authenticator gave";

/** Changes of the client's part: the JSON that it is, or its text; and where only we refuse them, why. */
const CLIENT_DATA = [
  ["of another origin", (client) => ({ ...client, origin: "http://localhost:1" })],
  ["of another origin's beginning", (client) => ({ ...client, origin: `${client.origin}.elsewhere.example` })],
  ["of the origin with a path", (client) => ({ ...client, origin: `${client.origin}/` })],
  ["of the same site by another scheme", (client) => ({ ...client, origin: client.origin.replace("http:", "https:") })],
  ["of the other ceremony", (client) => ({ ...client, type: client.type === "webauthn.get" ? "webauthn.create" : "webauthn.get" })],
  ["of another challenge", (client) => ({ ...client, challenge: encoded(randomBytes(32)) })],
  ["of a challenge with padding", (client) => ({ ...client, challenge: `${client.challenge}=` })],
  ["of no challenge", (client) => ({ ...client, challenge: "" })],
  ["made inside another's page", (client) => ({ ...client, crossOrigin: true }), ANY_FRAME],
  ["made inside another's page, which it names", (client) => ({ ...client, topOrigin: "https://elsewhere.example" }), { made: ANY_FRAME.made }],
  ["whose client data is no JSON", () => "{"],
  ["whose client data is a list", () => "[]"],
];

/** Changes of what the authenticator says in both ceremonies. */
const AUTHENTICATOR_DATA = [
  ["of another domain", (data) => Buffer.concat([sha256("elsewhere.example"), data.subarray(32)])],
  ["without anybody present", (data) => without(data, PRESENT)],
  ["without anybody verified", (data) => without(data, VERIFIED)],
  ["synced that may not be", (data) => having(without(data, MAY_SYNC), SYNCED)],
  ["with extensions that are not there", (data) => having(data, EXTENDED)],
  ["with bytes left over", followed],
  ["cut short by a byte", (data) => data.subarray(0, -1), { made: ANY_KEY }],
  ["cut short to nothing", () => Buffer.alloc(0)],
];

/** Changes of the frame around both. */
const FRAME = [
  ["of another type", (credential) => ({ ...credential, type: "password" })],
  ["of two identifiers", (credential) => ({ ...credential, id: encoded(randomBytes(32)) })],
  ["of no identifier", (credential) => ({ ...credential, id: "", rawId: "" })],
];

const changedClient = (client, change) => {
  const changed = change(client);
  return Buffer.from(typeof changed === "string" ? changed : JSON.stringify(changed));
};

/** One test for each change of a ceremony: refused by us, and by them unless it is known why they accept it. */
function refused(ceremony, changes, judged) {
  for (const [what, change, laxer = {}] of changes) {
    const why = laxer[ceremony];
    test(why ? `${what} is refused by us alone: ${why}` : `${what} is refused by both`, async () => {
      assert.deepEqual(await judged(change), { ours: false, theirs: Boolean(why) });
    });
  }
}

describe("a new passkey", () => {
  let options;
  let made;

  before(async () => {
    const { access_token: token } = session;
    options = await gateway.ask("POST", "/v1/users/me/passkeys/options", { token });
    made = await create(page, options.public_key);
  });

  const judge = async (credential) => ({
    ours: await weAccept("/v1/users/me/passkeys", { challenge_id: options.challenge_id, credential }, session.access_token),
    theirs: await theyAccept(
      verifyRegistrationResponse({ response: credential, supportedAlgorithmIDs: [-7], ...expected(options.public_key.challenge) }),
    ),
  });
  const answering = (change) => ({ ...made, response: { ...made.response, ...change } });
  const attestation = () => isoCBOR.decodeFirst(Uint8Array.from(decoded(made.response.attestationObject)));
  const withAttestation = (change) => {
    const changed = isoCBOR.encode(new Map([...attestation(), ...Object.entries(change)]));
    return answering({ attestationObject: encoded(changed) });
  };
  const withData = (change) => withAttestation({ authData: Uint8Array.from(change(Buffer.from(attestation().get("authData")))) });
  const keyAt = (data) => ID + data.readUInt16BE(ID_LENGTH);
  const withKey = (change) =>
    withData((data) => {
      const key = isoCBOR.decodeFirst(Uint8Array.from(data.subarray(keyAt(data))));
      change(key);
      return Buffer.concat([data.subarray(0, keyAt(data)), isoCBOR.encode(key)]);
    });
  /** With another identifier, all through. */
  const withId = (id) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const changed = withData((data) => Buffer.concat([data.subarray(0, ID_LENGTH), length, id, data.subarray(keyAt(data))]));
    return { ...changed, id: encoded(id), rawId: encoded(id) };
  };
  const unlike = encoded(randomBytes(32));

  refused("made", CLIENT_DATA, (change) => {
    const client = JSON.parse(decoded(made.response.clientDataJSON));
    return judge(answering({ clientDataJSON: encoded(changedClient(client, change)) }));
  });
  refused("made", AUTHENTICATOR_DATA, (change) => judge(withData(change)));
  refused("made", FRAME, (change) => judge(change(made)));
  refused(
    "made",
    [
      ["that its authenticator calls otherwise", () => ({ ...made, id: unlike, rawId: unlike }), { made: ANY_ID }],
      ["of an identifier that is too long", () => withId(randomBytes(1_024)), { made: ANY_ID }],
      ["without the key that it says to have", () => withData((data) => data.subarray(0, ID))],
      ["that says to have no key", () => withData((data) => without(data, WITH_KEY).subarray(0, ID_LENGTH - 16))],
      ["of another algorithm", () => withKey((key) => key.set(ALG, -257))],
      ["of another curve", () => withKey((key) => key.set(CRV, 2)), { made: ANY_KEY }],
      ["of a key that is no point of the curve", () => withKey((key) => key.set(Y, flipped(key.get(Y), 31))), { made: ANY_KEY }],
      ["of half a key", () => withKey((key) => key.delete(Y)), { made: ANY_KEY }],
      ["that attests in a format that has a statement", () => withAttestation({ fmt: "packed" })],
      ["that attests in a format that is none", () => withAttestation({ fmt: "nothing" })],
      ["with a statement where nothing is attested", () => withAttestation({ attStmt: new Map([["alg", -7]]) })],
      [
        "with bytes left over behind all",
        () => answering({ attestationObject: encoded(followed(decoded(made.response.attestationObject))) }),
        { made: "it reads the first of what is in CBOR" },
      ],
      ["in base64url with padding", () => answering({ attestationObject: padded(made.response.attestationObject) }), { made: PADDED }],
      ["that is no CBOR", () => answering({ attestationObject: encoded("no CBOR") })],
    ],
    (changed) => judge(changed()),
  );

  test("taken apart and put together it is what it was", () => {
    const same = [withAttestation({}), withData((data) => data), withKey(() => {}), withId(decoded(made.id))];
    for (const credential of same) assert.deepEqual(credential, made);
  });

  test("as the browser made it is accepted by both", async () => {
    assert.deepEqual(await judge(made), { ours: true, theirs: true });
  });
});

describe("a use of a passkey", () => {
  let known;
  let options;
  let used;
  let key;

  before(async () => {
    await device.clear();
    const { access_token: token } = session;
    const asked = await gateway.ask("POST", "/v1/users/me/passkeys/options", { token });
    const credential = await create(page, asked.public_key);
    await gateway.ask("POST", "/v1/users/me/passkeys", { token, body: { challenge_id: asked.challenge_id, credential } });
    const verified = await verifyRegistrationResponse({ response: credential, ...expected(asked.public_key.challenge) });
    known = verified.registrationInfo.credential;
    const [{ privateKey }] = await device.credentials();
    key = createPrivateKey({ key: Buffer.from(privateKey, "base64"), format: "der", type: "pkcs8" });
    options = await gateway.ask("POST", "/v1/auth/passkey/options");
    used = await use(page, options.public_key);
  });

  const judge = async (credential) => ({
    ours: await weAccept("/v1/auth/passkey", { challenge_id: options.challenge_id, credential }),
    theirs: await theyAccept(
      verifyAuthenticationResponse({ response: credential, credential: known, ...expected(options.public_key.challenge) }),
    ),
  });
  const answering = (change) => ({ ...used, response: { ...used.response, ...change } });
  const client = () => decoded(used.response.clientDataJSON);
  const data = () => decoded(used.response.authenticatorData);
  const signature = () => decoded(used.response.signature);
  /** Of these parts, signed as the authenticator would. */
  const signed = (clientData, authenticatorData, by = key, dsaEncoding = "der") =>
    judge(
      answering({
        clientDataJSON: encoded(clientData),
        authenticatorData: encoded(authenticatorData),
        signature: encoded(sign("sha256", Buffer.concat([authenticatorData, sha256(clientData)]), { key: by, dsaEncoding })),
      }),
    );
  const counted = (count) => {
    const changed = Buffer.from(data());
    changed.writeUInt32BE(count, COUNTER);
    return changed;
  };
  const unlike = encoded(randomBytes(32));
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

  refused("used", CLIENT_DATA, (change) => signed(changedClient(JSON.parse(client()), change), data()));
  refused("used", AUTHENTICATOR_DATA, (change) => signed(client(), Buffer.from(change(data()))));
  refused("used", FRAME, (change) => judge(change(used)));
  refused(
    "used",
    [
      ["signed by another key", () => signed(client(), data(), stranger)],
      ["whose signature has a bit changed", () => judge(answering({ signature: encoded(flipped(signature(), 20)) }))],
      ["whose signature is cut short", () => judge(answering({ signature: encoded(signature().subarray(0, -1)) }))],
      [
        "whose signature has bytes left over",
        () => judge(answering({ signature: encoded(followed(signature())) })),
        { used: "it reads a signature as far as it goes" },
      ],
      ["whose signature is not in DER", () => signed(client(), data(), key, "ieee-p1363")],
      ["without a signature", () => judge(answering({ signature: "" }))],
      ["whose client data changed after it was signed", () => judge(answering({ clientDataJSON: encoded(` ${client()}`) }))],
      ["whose count changed after it was signed", () => judge(answering({ authenticatorData: encoded(counted(9_999)) }))],
      ["whose count went back", () => signed(client(), counted(known.counter))],
      ["of a passkey that nobody has", () => judge({ ...used, id: unlike, rawId: unlike }), CALLER],
      [
        "that may be synced now and might not before",
        () => signed(client(), having(data(), MAY_SYNC)),
        { used: "it does not know what was before" },
      ],
      ["that does not say whose it is", () => judge(answering({ userHandle: undefined })), CALLER],
      ["that says to be somebody else's", () => judge(answering({ userHandle: encoded("somebody else") })), CALLER],
      ["in base64url with padding", () => judge(answering({ authenticatorData: padded(used.response.authenticatorData) })), { used: PADDED }],
    ],
    (judged) => judged(),
  );

  test("signed anew, and otherwise as it was, is accepted by both", async () => {
    assert.deepEqual(await signed(client(), data()), { ours: true, theirs: true });
  });
});

/** The same bytes in base64url as other things have it. */
function padded(text) {
  assert.notEqual(text.length % 4, 0, "there is something to pad");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}
