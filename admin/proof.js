// Solves the challenge of a `proof_required`, for the panel and the docs. WebCrypto
// derives keys on threads of its own, so the page goes on drawing: no worker, which
// the panel's Trusted Types rule out and which would be no faster.

// So many keys are derived at a time.
const AT_ONCE = 32;

/**
 * The `proof` for a `challenge`: of as many keys as it takes, the first that begins
 * as asked. Fails where there is no WebCrypto, as over plain HTTP.
 */
export async function solve(challenge) {
  const { parameters } = challenge;
  for (let counter = 0; ; counter += AT_ONCE) {
    const keys = Array.from({ length: AT_ONCE }, (_, next) => derived(parameters, counter + next));
    const found = (await Promise.all(keys)).find(({ derivedKey }) => derivedKey.startsWith(parameters.keyPrefix));
    if (found) return btoa(JSON.stringify({ challenge, solution: found }));
  }
}

async function derived({ nonce, salt, cost, keyLength }, counter) {
  const password = bytes(nonce + counter.toString(16).padStart(8, "0"));
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
  return { counter, derivedKey: hex(new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8))) };
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g), (byte) => Number.parseInt(byte, 16));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
