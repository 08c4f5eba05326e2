/** Time, chance and the network, handed in: the conformance kit has others. */
export interface World {
  fetch: typeof globalThis.fetch;
  /** The device's clock, in milliseconds since 1970. It may be wrong, and may be set meanwhile. */
  now(): number;
  /** A clock that nobody sets, in milliseconds since some moment; good within one process. */
  ticks(): number;
  /** Runs `what` after so many milliseconds; answers what calls that off. */
  after(milliseconds: number, what: () => void): () => void;
  /** From 0 up to 1. */
  random(): number;
  /** A name for one request, which need not be hard to guess: the server binds it to the request's body. */
  uuid(): string;
}

export const system: World = {
  fetch: (...request) => globalThis.fetch(...request),
  now: () => Date.now(),
  ticks: () => (globalThis.performance ? performance.now() : Date.now()),
  after: (milliseconds, what) => {
    const timer = setTimeout(what, milliseconds);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  // React Native has no `crypto` of its own.
  uuid: () =>
    globalThis.crypto?.randomUUID?.() ??
    "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () => Math.floor(Math.random() * 16).toString(16)),
};

export function sleep(world: World, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      cancel();
      reject(signal && reasonOf(signal));
    };
    const cancel = world.after(milliseconds, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/** React Native's signals have no reason. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? Object.assign(new Error("aborted"), { name: "AbortError" });
}
