import { Problem } from "./problem.js";
import type { Vault } from "./vault.js";
import type { World } from "./world.js";

// A key is remembered for as long as a code lives, CODE_TTL: five minutes, in milliseconds.
const REMEMBERED = 300_000;

/** Idempotency keys: the same one for the same request, until that is answered, even after the app was killed. */
export class Keys {
  constructor(
    readonly vault: Vault,
    readonly world: World,
  ) {}

  /** Runs `ask` with the key for `body` at `path`. */
  async with<T>(path: string, body: object, ask: (key: string) => Promise<T>): Promise<T> {
    const of = fingerprint(JSON.stringify(body));
    const key = await this.#kept(path, of);
    try {
      const answer = await ask(key);
      await this.#drop(path, key);
      return answer;
    } catch (problem) {
      // A proof does not make it another request.
      const isAnswered = problem instanceof Problem && !problem.isPassing && problem.code !== "proof_required";
      if (isAnswered) await this.#drop(path, key);
      throw problem;
    }
  }

  async #kept(path: string, of: string): Promise<string> {
    let key = this.world.uuid();
    const now = this.world.now();
    await this.vault.changeDevice((device) => {
      const before = device.pending?.[path];
      const age = now - (before?.at ?? 0);
      if (before?.of === of && age >= 0 && age < REMEMBERED) {
        key = before.key;
        return null;
      }
      return { ...device, pending: { ...device.pending, [path]: { key, of, at: now } } };
    });
    return key;
  }

  async #drop(path: string, key: string): Promise<void> {
    const forget = this.vault.changeDevice((device) => {
      const { [path]: dropped, ...pending } = device.pending ?? {};
      return dropped?.key === key ? { ...device, pending } : null;
    });
    // What is left over is answered as before, or is too old by then.
    await forget.catch(() => {});
  }
}

/** Tells two requests apart, and says nothing of the phone and the code in them: cyrb53, 53 bits. */
function fingerprint(text: string): string {
  let [one, two] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 2654435761);
    two = Math.imul(two ^ unit, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & two) + (one >>> 0)).toString(36);
}
