// A clock that runs as fast as nothing waits.

/** Time in which timers are all that passes. The device's own clock can be set apart from it. */
export class Clock {
  #timers = [];
  #count = 0;
  /** Milliseconds since the beginning. */
  ticks = 0;
  /** By how much the device's clock is wrong, in milliseconds. */
  shift = 0;

  /** What a right clock says. */
  time() {
    return 1_790_000_000_000 + this.ticks;
  }

  /** What the device's clock says. */
  now() {
    return this.time() + this.shift;
  }

  after(milliseconds, what) {
    const timer = { at: this.ticks + Math.max(0, milliseconds), order: (this.#count += 1), what };
    this.#push(timer);
    return () => {
      timer.what = null;
    };
  }

  sleep(milliseconds) {
    return new Promise((resolve) => this.after(milliseconds, resolve));
  }

  /** Lets so much time pass, and all happen that happens in it. */
  async advance(milliseconds) {
    const until = this.ticks + milliseconds;
    await settled();
    for (;;) {
      const next = this.#timers[0];
      if (!next || next.at > until) break;
      this.ticks = next.at;
      while (this.#timers[0]?.at === this.ticks) this.#pop().what?.();
      await settled();
    }
    this.ticks = until;
  }

  /** Lets time pass until `work` is done, an hour at most; answers what it came to. */
  async until(work, longest = 3_600_000) {
    let isDone = false;
    const done = () => (isDone = true);
    work.then(done, done);
    const end = this.ticks + longest;
    await settled();
    while (!isDone) {
      while (this.#timers[0] && this.#timers[0].what === null) this.#pop();
      const next = this.#timers[0];
      if (!next || next.at > end) throw new Error("nothing goes on");
      this.ticks = next.at;
      while (this.#timers[0]?.at === this.ticks) this.#pop().what?.();
      await settled();
    }
    return work;
  }

  #push(timer) {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    for (let above; at > 0 && isBefore(timer, heap[(above = (at - 1) >> 1)]); at = above) heap[at] = heap[above];
    heap[at] = timer;
  }

  #pop() {
    const heap = this.#timers;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below += 1;
      if (!isBefore(heap[below], last)) break;
      heap[at] = heap[below];
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one, other) {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** All that can go on without time passing has gone on. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Chance from a seed: mulberry32. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
