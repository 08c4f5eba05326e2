// PBKDF2 with HMAC-SHA-256 (RFC 8018, FIPS 180-4) where there is no WebCrypto. A native module is faster by far: hand
// one in as `solve`.

import { proofOf, type Challenge } from "./proof.js";
import { reasonOf } from "./world.js";

// So long is worked at a stretch before the screen is let draw, in milliseconds.
const STRETCH = 12;

export async function solveByHand(challenge: Challenge, signal?: AbortSignal): Promise<string> {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  let rested = Date.now();
  for (let counter = 0; ; counter += 1) {
    const password = bytes(nonce + counter.toString(16).padStart(8, "0"));
    const derivedKey = hex(pbkdf2(password, bytes(salt), cost, keyLength));
    if (derivedKey.startsWith(keyPrefix)) return proofOf(challenge, { counter, derivedKey });
    if (Date.now() - rested < STRETCH) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (signal?.aborted) throw reasonOf(signal);
    rested = Date.now();
  }
}

export function pbkdf2(password: Uint8Array, salt: Uint8Array, cost: number, length: number): Uint8Array {
  const pad = (byte: number) => {
    const key = password.length > 64 ? digest(compressed(INITIAL, password, 0)) : password;
    const block = new Uint8Array(64).fill(byte);
    key.forEach((value, at) => (block[at] = value ^ byte));
    const state = INITIAL.slice();
    compress(state, words(block));
    return state;
  };
  const [inner, outer] = [pad(0x36), pad(0x5c)];
  const out = new Uint8Array(Math.ceil(length / 32) * 32);
  const block = new Uint32Array(16);
  for (let index = 1; (index - 1) * 32 < length; index += 1) {
    const first = new Uint8Array([...salt, index >>> 24, index >>> 16, index >>> 8, index]);
    let last = compressed(outer, digest(compressed(inner, first, 64)), 64);
    const sum = last.slice();
    for (let round = 1; round < cost; round += 1) {
      last = short(outer, short(inner, last, block), block);
      for (let at = 0; at < 8; at += 1) sum[at]! ^= last[at]!;
    }
    out.set(digest(sum), (index - 1) * 32);
  }
  return out.subarray(0, length);
}

/** The hash of a state's one block and 32 bytes after it. */
function short(from: Uint32Array, message: Uint32Array, block: Uint32Array): Uint32Array {
  block.fill(0);
  block.set(message);
  block[8] = 0x80000000;
  block[15] = (64 + 32) * 8;
  const state = from.slice();
  compress(state, block);
  return state;
}

/** The hash of what led to a state, `before` bytes, and `message` after it. */
function compressed(from: Uint32Array, message: Uint8Array, before: number): Uint32Array {
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, (before + message.length) * 8);
  const state = from.slice();
  for (let at = 0; at < padded.length; at += 64) compress(state, words(padded.subarray(at, at + 64)));
  return state;
}

const primes = Array.from({ length: 311 }, (_, next) => next + 2).filter((number) => {
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return true;
});
const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
const INITIAL = Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const ROUNDS = Uint32Array.from(primes.slice(0, 64), (prime) => fraction(Math.cbrt(prime)));
const schedule = new Uint32Array(64);

function compress(state: Uint32Array, block: Uint32Array): void {
  const turn = (word: number, by: number) => (word >>> by) | (word << (32 - by));
  for (let at = 0; at < 64; at += 1) {
    if (at < 16) {
      schedule[at] = block[at]!;
      continue;
    }
    const [x, y] = [schedule[at - 15]!, schedule[at - 2]!];
    const one = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
    const two = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
    schedule[at] = schedule[at - 16]! + one + schedule[at - 7]! + two;
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let at = 0; at < 64; at += 1) {
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[at]! + schedule[at]!) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => (state[at]! += word));
}

function words(block: Uint8Array): Uint32Array {
  const view = new DataView(block.buffer, block.byteOffset);
  return Uint32Array.from({ length: block.length / 4 }, (_, at) => view.getUint32(at * 4));
}

function digest(state: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  state.forEach((word, at) => view.setUint32(at * 4, word));
  return new Uint8Array(view.buffer);
}

const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const hex = (data: Uint8Array) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
