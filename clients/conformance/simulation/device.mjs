// A device: a store that outlives its processes, and processes (apps, tabs, widgets) that share it, sleep and are killed.

import { Lock } from "../lock.mjs";

/** So long a process waits for a lock before it goes on without, as the client's own locks do. */
const LONGEST_WAIT = 15_000;

export class Device {
  kept = new Map();
  processes = [];
  /** How likely a kill is between receiving and storing an answer, and while it is stored. */
  killing = 0;
  #lock = new Lock();

  /** `start(process)` makes the client of a process; `tally` counts what happens. */
  constructor({ clock, random, tally, start }) {
    Object.assign(this, { clock, random, tally, start });
  }

  /** One more process. */
  open() {
    const process = new Process(this);
    process.client = this.start(process);
    this.processes.push(process);
    return process;
  }

  /** Ends a process at once, and lets go of what it holds. */
  kill(process) {
    if (process.isDead) return;
    this.tally.kills += 1;
    process.isDead = true;
    this.#lock.release(process);
    this.processes.splice(this.processes.indexOf(process), 1);
  }

  /** The store as a process sees it. What it began to write is written though it sleeps, and perhaps though it is killed. */
  storageOf(process) {
    const { clock, random } = this;
    const slowly = async (chance) => {
      if (random() < chance) await clock.sleep(random() * 2_000);
      await process.awake();
    };
    return {
      get: async (key) => {
        await process.awake();
        const value = this.kept.get(key) ?? null;
        await slowly(0.01);
        return value;
      },
      set: async (key, value) => {
        await process.awake();
        const isLast = random() < this.killing / 2;
        if (isLast) clock.after(random() * 1_000, () => this.kill(process));
        if (!isLast || random() < 0.5) this.kept.set(key, value);
        if (isLast) return new Promise(() => {});
        await slowly(0.1);
      },
      remove: async (key) => {
        await process.awake();
        this.kept.delete(key);
      },
      lock: (work) => this.#exclusively(process, work),
    };
  }

  /** A lock of the system: held until the work is done, also by who sleeps. Who waits too long goes on without. */
  #exclusively(process, work) {
    return new Promise((resolve, reject) => {
      let isBegun = false;
      const begin = () => {
        if (isBegun) return;
        isBegun = true;
        cancel();
        const done = work();
        done.then(resolve, reject);
        return done;
      };
      const cancel = process.after(LONGEST_WAIT, begin);
      this.#lock.hold(process, async () => begin()).catch(() => {});
    });
  }
}

class Process {
  isDead = false;
  #sleeping = null;
  #wake = () => {};

  constructor(device) {
    this.device = device;
    this.born = device.random() * 1e6 - device.clock.ticks;
  }

  get sleeps() {
    return this.#sleeping !== null;
  }

  /** Nothing of it goes on until it is woken. */
  sleep() {
    this.device.tally.sleeps += 1;
    this.#sleeping ??= new Promise((wake) => (this.#wake = wake));
  }

  wake() {
    this.#sleeping = null;
    this.#wake();
  }

  /** Once it is awake; never, once it is killed. */
  async awake() {
    while (this.#sleeping) await this.#sleeping;
    if (this.isDead) await new Promise(() => {});
  }

  after(milliseconds, what) {
    let isOff = false;
    const cancel = this.device.clock.after(milliseconds, () => {
      if (this.#sleeping) void this.awake().then(() => void (isOff || what()));
      else if (!this.isDead) what();
    });
    return () => {
      isOff = true;
      cancel();
    };
  }

  /** Asks over the network; `isRefresh` is what it may be killed after. */
  async ask(network, isRefresh, arrive) {
    await this.awake();
    let got;
    try {
      got = await network.deliver(isRefresh, arrive);
    } finally {
      await this.awake();
    }
    if (isRefresh && this.device.random() < this.device.killing) {
      this.device.kill(this);
      await this.awake();
    }
    return got;
  }
}
