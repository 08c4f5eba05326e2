import type { components } from "./openapi.js";
import { Problem } from "./problem.js";
import { processLock } from "./lock.js";
import type { Storage } from "./storage.js";
import { isRecord } from "./transport.js";

export type Tokens = components["schemas"]["Tokens"];

/** A session as it is stored. */
export interface Stored {
  access: string;
  refresh: string;
  /** Seconds that the access token is good for. */
  lifetime: number;
  /** When it came, by the device's clock. */
  at: number;
  /** When it came, by the server's clock: at the latest, as the answer was under way; null where nobody knows. */
  served: number | null;
  /** Whether it took more than one request: then the others may still be under way. */
  retried: boolean;
}

/** What outlives a session: what the device is known by, and requests whose answer has not come. */
export interface Device {
  token?: string;
  /** By path: the key, what the request was, and when it was drawn. */
  pending?: Record<string, { key: string; of: string; at: number }>;
}

const SESSION = "latchkey.session";
const DEVICE = "latchkey.device";

/** The two keys of a storage. Fails with `storage_failed`, which never means that nobody is signed in. */
export class Vault {
  /** One at a time among all that share the storage. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #inTurn = processLock();

  constructor(readonly storage: Storage) {
    const mine = processLock();
    const all = storage.lock;
    this.exclusively = all ? (work) => mine(() => all(work)) : mine;
  }

  async session(): Promise<Stored | null> {
    const stored = await this.#read(SESSION);
    const { access, refresh, lifetime, at, served, retried } = stored as Partial<Stored>;
    if (typeof access !== "string" || typeof refresh !== "string") return null;
    const times = { lifetime: Number(lifetime) || 0, at: Number(at) || 0, served: Number(served) || null };
    return { access, refresh, ...times, retried: retried === true };
  }

  async keepSession(session: Stored): Promise<void> {
    await guarded(() => this.storage.set(SESSION, JSON.stringify(session)));
  }

  async forgetSession(): Promise<void> {
    await guarded(() => this.storage.remove(SESSION));
  }

  async device(): Promise<Device> {
    return (await this.#read(DEVICE)) as Device;
  }

  /** What `change` answers is stored; null where there is nothing to change. */
  async changeDevice(change: (device: Device) => Device | null): Promise<void> {
    await this.#inTurn(async () => {
      const changed = change(await this.device());
      if (changed) await guarded(() => this.storage.set(DEVICE, JSON.stringify(changed)));
    });
  }

  /** Calls `listener` when another process or tab changed the session. */
  watch(listener: () => void): () => void {
    return this.storage.watch?.((key) => (key === SESSION || key === null) && listener()) ?? (() => {});
  }

  async #read(key: string): Promise<Record<string, unknown>> {
    const text = await guarded(() => this.storage.get(key));
    try {
      const value: unknown = JSON.parse(text ?? "{}");
      return isRecord(value) ? value : {};
    } catch {
      return {};
    }
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Problem("storage_failed", { cause });
  }
}
