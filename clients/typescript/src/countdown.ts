import type { World } from "./world.js";

/** A value that changes: `subscribe` tells each new one, and answers what ends that. Fits React's `useSyncExternalStore`. */
export interface Observable<T> {
  get(): T;
  subscribe(listener: (value: T) => void): () => void;
}

/** Whole seconds from now until something ends, down to 0; counted from when the answer came, by nobody's clock. */
export function countdown(world: World, seconds: number): Observable<number> {
  const end = world.ticks() + seconds * 1_000;
  const listeners = new Set<(left: number) => void>();
  let cancel: (() => void) | null = null;
  const get = () => Math.max(0, Math.ceil((end - world.ticks()) / 1_000));
  const next = () => {
    const left = end - world.ticks();
    cancel = left <= 0 ? null : world.after(left % 1_000 || 1_000, tick);
  };
  const tick = () => {
    next();
    for (const listener of [...listeners]) listener(get());
  };
  return {
    get,
    subscribe(listener) {
      listeners.add(listener);
      if (!cancel) next();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        cancel?.();
        cancel = null;
      };
    },
  };
}

/** An observable that is set. */
export function observable<T>(value: T): Observable<T> & { set(value: T): void } {
  const listeners = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
