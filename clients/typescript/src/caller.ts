import { Problem } from "./problem.js";
import { originOf, safeOrigin } from "./origin.js";
import type { Session } from "./session.js";
import type { Asked, Transport } from "./transport.js";
import { sleep, type World } from "./world.js";

// In milliseconds. Nobody waits longer before a button: the app is told, and may ask again.
const PAUSES = [300, 1_000, 3_000];
const LONGEST = 10_000;

/** Asks by the session: with its token, and once more with the next one where that was refused. */
export class Caller {
  readonly #origins: Set<string>;
  readonly #world: World;

  constructor(
    readonly transport: Transport,
    readonly session: Session,
    backends: readonly string[],
  ) {
    this.#origins = new Set([transport.origin, ...backends.map(safeOrigin)]);
    this.#world = transport.world;
  }

  /** Asks our server. */
  async call(method: string, path: string, asked: Asked = {}): Promise<unknown> {
    let token = await this.session.token(undefined, asked.signal);
    for (let refused = 0; ; refused += 1) {
      try {
        return await this.transport.send(method, path, { ...asked, token });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.endsSession) {
          await this.session.over(problem, { access: token });
          // Refreshed or signed in anew meanwhile: the newer token has the word.
          const newer = refused === 0 && (await this.session.isOn()) ? await this.session.token(token) : token;
          if (newer === token) throw problem;
          token = newer;
        } else {
          const isStale = problem.isOurs && problem.code === "invalid_token";
          const next = isStale && refused === 0 ? await this.session.token(token, asked.signal, problem.at) : token;
          if (next === token) throw problem;
          token = next;
        }
      }
    }
  }

  /** Asks again while it is not known whether it was done: for what is safe to repeat. */
  async insist<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const began = this.#world.ticks();
    for (const pause of PAUSES) {
      try {
        return await ask();
      } catch (problem) {
        if (!(problem instanceof Problem) || !problem.isPassing) throw problem;
        const asked = (problem.retryAfter ?? 0) * 1_000;
        if (this.#world.ticks() - began + asked > LONGEST) throw problem;
        await sleep(this.#world, Math.max(pause, asked) * (1 + this.#world.random() / 4), signal);
      }
    }
    return ask();
  }

  /** `fetch` for the app's own backends. */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const isRequest = typeof input === "object" && "url" in input;
    const given = new Headers(init.headers ?? (isRequest ? input.headers : undefined));
    const address = isRequest ? input.url : absolute(String(input));
    const origin = originOf(address);
    if (!origin || !this.#origins.has(origin) || given.has("authorization")) return this.#world.fetch(input, init);
    // A body that flows away can be sent once.
    const isStream = typeof init.body === "object" && init.body !== null && "getReader" in init.body;
    const asked = init.redirect ?? (isRequest ? input.redirect : "follow");
    const send = (token: string) => {
      const headers = new Headers(given);
      headers.set("authorization", `Bearer ${token}`);
      const redirect = asked === "manual" ? "manual" : "error";
      return this.#world.fetch(isRequest ? input.clone() : address, { ...init, headers, redirect });
    };
    const signal = init.signal ?? (isRequest ? input.signal : undefined);
    const token = await this.session.token(undefined, signal);
    const answer = await send(token);
    if (answer.status !== 401 || isStream) return answer;
    const next = await this.session.token(token, signal).catch(() => token);
    return next === token ? answer : send(next);
  };
}

/** As `fetch` takes it: a page's `<base>` counts, a worker has none. */
function absolute(address: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return base ? new URL(address, base).href : address;
}
