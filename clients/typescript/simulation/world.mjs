// A clock that is moved by hand, chance that can be repeated, and processes that can be killed at any moment.

/** Mulberry32: from 0 up to 1, the same for the same seed. */
export function chance(seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    random,
    is: (probability) => random() < probability,
    below: (most) => Math.floor(random() * most),
    of: (list) => list[Math.floor(random() * list.length)],
    /** As often between 1 and 10 as between 10 and 100. */
    wide: (least, most) => least * (most / least) ** random(),
  };
}

/** A clock in milliseconds, and what waits for it, the next one first. */
export class Clock {
  now = 0;
  #heap = [];
  #drawn = 0;

  after(milliseconds, what) {
    const timer = { at: this.now + Math.max(0, milliseconds), order: (this.#drawn += 1), what };
    this.#push(timer);
    return () => (timer.what = null);
  }

  sleep(milliseconds) {
    return new Promise((resolve) => this.after(milliseconds, resolve));
  }

  /** Runs what waits until `isOver`, or until nothing waits or `most` milliseconds are over; answers whether it is over. */
  async run(isOver, most) {
    const end = this.now + most;
    await settled();
    while (!isOver()) {
      if (!this.#heap.length || this.#heap[0].at > end) {
        this.now = end;
        return false;
      }
      const { at, what } = this.#pop();
      if (!what) continue;
      this.now = at;
      what();
      // What is due at the same moment is as well done at once.
      while (this.#heap.length && this.#heap[0].at === at) this.#pop().what?.();
      await settled();
    }
    return true;
  }

  #push(timer) {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0 && isBefore(timer, heap[(at - 1) >> 1])) {
      heap[at] = heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    heap[at] = timer;
  }

  #pop() {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (!heap.length) return first;
    let at = 0;
    for (;;) {
      let next = 2 * at + 1;
      if (next >= heap.length) break;
      if (next + 1 < heap.length && isBefore(heap[next + 1], heap[next])) next += 1;
      if (!isBefore(heap[next], last)) break;
      heap[at] = heap[next];
      at = next;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one, other) {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** All that promises lead to has happened: nothing here waits for anything but the clock. */
function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What all processes of a device share: two secrets and a lock. A write takes time, and a kill may come before or after it. */
export class Device {
  kept = new Map();
  #holder = null;
  #waiting = [];

  constructor(clock, dice) {
    this.clock = clock;
    this.dice = dice;
  }

  storageOf(process) {
    const { kept } = this;
    return {
      get: (key) => (process.isDead ? never() : Promise.resolve(kept.get(key) ?? null)),
      set: async (key, value) => {
        if (process.isDead) return never();
        process.reaches("storing");
        await this.clock.sleep(2);
        if (process.isDead) return never();
        kept.set(key, value);
        process.reaches("stored");
        return process.isDead ? never() : undefined;
      },
      remove: async (key) => (process.isDead ? never() : void kept.delete(key)),
      lock: (work) => this.lock(process, work),
    };
  }

  async lock(process, work) {
    if (process.isDead) return never();
    if (this.#holder) await new Promise((go) => this.#waiting.push({ process, go }));
    this.#holder = process;
    try {
      return await work();
    } finally {
      if (!process.isDead) this.#next();
    }
  }

  /** The system ends a process, and lets go of what it held. */
  kill(process) {
    process.isDead = true;
    this.#waiting = this.#waiting.filter((one) => one.process !== process);
    if (this.#holder === process) this.#next();
  }

  #next() {
    const next = this.#waiting.shift();
    this.#holder = next?.process ?? null;
    next?.go();
  }
}

export function never() {
  return new Promise(() => {});
}

/** What `fetch` answers, as far as a client looks at it; a true `Response` takes most of the time. */
export function response(url, status, body, type = status < 400 ? "application/json" : "application/problem+json") {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = new Map([["content-type", type]]);
  return {
    url,
    status,
    ok: status >= 200 && status < 300,
    redirected: false,
    headers: { get: (name) => headers.get(name.toLowerCase()) ?? null },
    text: () => Promise.resolve(text),
    json: async () => JSON.parse(text),
  };
}
