import { reasonOf } from "./world.js";

export interface Challenge {
  parameters: { nonce: string; salt: string; cost: number; keyLength: number; keyPrefix: string };
  signature: string;
}

/** Solves the `challenge` of a `proof_required`; answers the `proof`. */
export type Solver = (challenge: Challenge, signal?: AbortSignal) => Promise<string>;

/** In a worker where there is one; by WebCrypto, which has threads of its own; or, as in React Native, by hand. */
export const solve: Solver = async (challenge, signal) => {
  if (!globalThis.crypto?.subtle) return (await import("./pbkdf2.js")).solveByHand(challenge, signal);
  const found = await inWorker(challenge, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    // A Content-Security-Policy may rule out such workers, and a bundler may have made the text need what is around it.
    return search(challenge.parameters, () => signal?.aborted ?? false);
  });
  if (!found) throw signal ? reasonOf(signal) : new Error("no proof was found");
  return proofOf(challenge, found);
};

export interface Solution {
  counter: number;
  derivedKey: string;
}

export function proofOf(challenge: Challenge, solution: Solution): string {
  return btoa(JSON.stringify({ challenge, solution }));
}

/** Stands alone, as a worker is given its text. */
export async function search(
  { nonce, salt, cost, keyLength, keyPrefix }: Challenge["parameters"],
  isOff: () => boolean,
): Promise<Solution | null> {
  const atOnce = 32;
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const derived = async (counter: number) => {
    const password = bytes(nonce + counter.toString(16).padStart(8, "0"));
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    const bits = new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8));
    return { counter, derivedKey: Array.from(bits, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  };
  for (let first = 0; !isOff(); first += atOnce) {
    const keys = await Promise.all(Array.from({ length: atOnce }, (_, next) => derived(first + next)));
    const found = keys.find(({ derivedKey }) => derivedKey.startsWith(keyPrefix));
    if (found) return found;
  }
  return null;
}

function inWorker({ parameters }: Challenge, signal?: AbortSignal): Promise<Solution | null> {
  return new Promise((resolve, reject) => {
    const text = `const search = ${search};onmessage = ({ data }) => search(data, () => false).then(postMessage, () => postMessage(null));`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(address);
    const end = () => {
      worker.terminate();
      URL.revokeObjectURL(address);
    };
    const fail = (reason: unknown) => {
      end();
      reject(reason);
    };
    const abort = () => fail(signal && reasonOf(signal));
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    worker.onerror = fail;
    worker.onmessage = ({ data }: MessageEvent<Solution | null>) => {
      signal?.removeEventListener("abort", abort);
      if (!data) return fail(new Error("the worker could not"));
      end();
      resolve(data);
    };
    worker.postMessage(parameters);
  });
}
