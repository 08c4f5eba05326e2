// Passkeys, by what the API gives the browser for them and takes back from it.

import * as api from "./api.js";
import { t } from "./words.js";

// No passkey can be bound to these: addresses, and API Gateway's own hosts.
const NO_DOMAIN = /^[\d.]+$|^\[|\.amazonaws\.com(\.cn)?$/;

// What a browser fails with that is nobody's change of mind.
const CODES = { InvalidStateError: "passkey_here_already", SecurityError: "passkeys_not_configured" };

/** Whether this browser has passkeys, and the page is where there can be any. */
export function hasPasskeys() {
  const kind = globalThis.PublicKeyCredential;
  const speaksJson = kind?.parseRequestOptionsFromJSON && kind.parseCreationOptionsFromJSON && kind.prototype.toJSON;
  return Boolean(speaksJson) && !NO_DOMAIN.test(location.hostname);
}

/** Signs in by a passkey; answers who did, or null where that was called off. */
export async function signInByPasskey(signal) {
  const { challenge_id, public_key } = await api.passkeySignInOptions();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(public_key);
  const credential = await unlessCalledOff(navigator.credentials.get({ publicKey, signal }));
  return credential && api.signInByPasskey({ challenge_id, credential, device: t("admin") }, api.idempotencyKey());
}

/** Makes a passkey for whoever is signed in; answers it, or null where that was called off. */
export async function addPasskey() {
  const { challenge_id, public_key } = await api.passkeyOptions();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(public_key);
  const credential = await unlessCalledOff(navigator.credentials.create({ publicKey }));
  return credential && api.addPasskey({ challenge_id, credential, name: deviceName() });
}

/** Whether whoever is signed in has no passkey, and would get one if they wanted. */
export async function lacksPasskey() {
  if (!hasPasskeys()) return false;
  try {
    const { public_key } = await api.passkeyOptionsIfRecent();
    return public_key.excludeCredentials.length === 0 && isOfThisPage(public_key.rp.id);
  } catch (failure) {
    if (!failure.code) throw failure;
    return false;
  }
}

function isOfThisPage(domain) {
  return `.${location.hostname}`.endsWith(`.${domain}`);
}

/** What the browser answers, as JSON. To be called off is no failure: then null. */
async function unlessCalledOff(answer) {
  try {
    return (await answer).toJSON();
  } catch ({ name }) {
    if (["NotAllowedError", "AbortError"].includes(name)) return null;
    throw new api.Failure(CODES[name] ?? "passkey_failed");
  }
}

function deviceName() {
  const [name] = navigator.userAgent.match(/iPhone|iPad|Android|Macintosh|Windows|CrOS|Linux/) ?? [];
  return { Macintosh: "Mac", CrOS: "ChromeOS" }[name] ?? name;
}
