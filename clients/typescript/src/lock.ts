import type { Lock } from "./storage.js";

// Whoever holds a lock asks our server once, which takes some seconds at most. Who waits longer than this goes on
// without: the server forgives two at once, and a tab that hangs must not hold up the others.
const LONGEST = 15_000;
const TRIAL = 50;

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
  return locks ? webLock(name, locks) : leaseLock(`${name}.lock`, store);
}

function webLock(name: string, locks: LockManager): Lock {
  return async (work) => {
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), LONGEST);
    let begun = false;
    try {
      return await locks.request(name, { signal: waiting.signal }, () => {
        begun = true;
        clearTimeout(timer);
        return work();
      });
    } catch (error) {
      if (begun || !waiting.signal.aborted) throw error;
      return work();
    } finally {
      clearTimeout(timer);
    }
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
