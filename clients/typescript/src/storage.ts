/**
 * Where two secrets are kept, under the keys `latchkey.session` and `latchkey.device`. `set` has stored when it is done,
 * whole or not at all: a session is used only then.
 */
export interface Storage {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** One at a time among all that share this storage; without it, among those of this process. */
  lock?: Lock;
  /** Tells when something else that shares this storage changed `key`, or all keys (null); answers what ends that. */
  watch?(listener: (key: string | null) => void): () => void;
}

/** Runs `work` while nobody else runs theirs. */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>;

/** Keeps secrets until the process ends. */
export function memoryStorage(): Storage {
  const kept = new Map<string, string>();
  return {
    get: async (key) => kept.get(key) ?? null,
    set: async (key, value) => void kept.set(key, value),
    remove: async (key) => void kept.delete(key),
  };
}
