/** A lock that processes share, first come, first served. The system lets go of what a killed process held. */
export class Lock {
  #holder = null;
  #waiting = [];

  async hold(process, work) {
    if (this.#holder) await new Promise((go) => this.#waiting.push({ process, go }));
    this.#holder = process;
    try {
      return await work();
    } finally {
      if (this.#holder === process) this.#next();
    }
  }

  /** Of a process that was killed: it neither holds nor waits any more. */
  release(process) {
    this.#waiting = this.#waiting.filter((one) => one.process !== process);
    if (this.#holder === process) this.#next();
  }

  #next() {
    const next = this.#waiting.shift();
    this.#holder = next?.process ?? null;
    next?.go();
  }
}
