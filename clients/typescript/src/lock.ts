import type { Lock } from "./storage.js";

// Whoever holds a lock asks our server once, which takes some seconds at most. Who waits longer than this goes on
// without: the server forgives two at once, and a tab that hangs must not hold up the others.
const LONGEST = 15_000;
// So long a write takes from one tab to the next, at the most.
const SETTLED = 1_000;
// So long somebody who took a lease looks whether somebody else did, too.
const TRIAL = 200;

/** One at a time in this process. */
export function processLock(): Lock {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** One at a time in all tabs of an origin: by Web Locks, or where there are none by a lease in their storage. */
export function tabLock(name: string, store: globalThis.Storage, locks = globalThis.navigator?.locks): Lock {
  return locks ? webLock(name, store, locks) : leaseLock(`${name}.lock`, store);
}

function webLock(name: string, store: globalThis.Storage, locks: LockManager): Lock {
  return async (work) => {
    let begun = false;
    const begin = () => {
      begun = true;
      return work();
    };
    const free = await locks.request(name, { ifAvailable: true }, async (lock) => lock && { done: await begin() });
    if (free) return free.done;
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), LONGEST);
    const written = nextWrite(store);
    try {
      return await locks.request(name, { signal: waiting.signal }, async () => {
        clearTimeout(timer);
        await written.within(SETTLED);
        return begin();
      });
    } catch (error) {
      if (begun || !waiting.signal.aborted) throw error;
      return work();
    } finally {
      clearTimeout(timer);
      written.end();
    }
  };
}

/** The next write of another tab. A lock may come sooner than what its holder wrote, as the two travel apart. */
function nextWrite(store: globalThis.Storage) {
  let tell = () => {};
  const seen = new Promise<void>((resolve) => (tell = resolve));
  const listen = ({ storageArea }: StorageEvent) => storageArea === store && tell();
  addEventListener("storage", listen);
  return {
    within: (milliseconds: number) => Promise.race([seen, new Promise((resolve) => setTimeout(resolve, milliseconds))]),
    end: () => removeEventListener("storage", listen),
  };
}

/**
 * A lease that ends by itself, as its holder may have been closed. Two that write at the same moment read what the other
 * wrote: the last one has it.
 */
export function leaseLock(key: string, store: globalThis.Storage): Lock {
  const pause = () => new Promise((resolve) => setTimeout(resolve, TRIAL + Math.random() * TRIAL));
  return async (work) => {
    const me = `${Math.random()}`;
    const holder = () => {
      const [id, until] = store.getItem(key)?.split(" ") ?? [];
      return Number(until) > Date.now() && Number(until) < Date.now() + 2 * LONGEST ? id : undefined;
    };
    for (const began = Date.now(); holder() !== me && Math.abs(Date.now() - began) < LONGEST; ) {
      if (holder() === undefined) store.setItem(key, `${me} ${Date.now() + LONGEST}`);
      await pause();
    }
    try {
      return await work();
    } finally {
      if (holder() === me) store.removeItem(key);
    }
  };
}
