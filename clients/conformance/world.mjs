// Where a client is run: a clock that is moved by hand, a server that answers as a behaviour says, a store that processes
// share and that outlives them. A process that is killed hears nothing any more, and does nothing any more.

import { Lock } from "./lock.mjs";

export const URL_OF_SERVER = "https://auth.example.com";

/** A clock, and what waits for it. */
export class Clock {
  ticks = 0;
  #timers = new Set();

  after(milliseconds, what) {
    const timer = { at: this.ticks + milliseconds, what };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `seconds` pass, or less once `isOver`. */
  async pass(seconds, isOver = () => false) {
    const end = this.ticks + seconds * 1_000;
    await settle();
    while (!isOver()) {
      const [next] = [...this.#timers].sort((one, other) => one.at - other.at);
      if (!next || next.at > end) break;
      this.#timers.delete(next);
      this.ticks = next.at;
      next.what();
      await settle();
    }
    if (!isOver()) this.ticks = end;
  }
}

/** All that can happen without time has happened. */
async function settle() {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Two secrets and a lock, shared by all processes. */
export class Store {
  kept = new Map();
  /** `get`, `set` or `remove`: what fails. */
  fails = null;
  /** What takes how long: what is read is what was there when that began. */
  slow = { milliseconds: 0 };
  #lock = new Lock();

  constructor(clock) {
    this.clock = clock;
  }

  for(process) {
    const work = async (name, act) => {
      if (process.isDead) return new Promise(() => {});
      if (this.fails === name) throw new Error("the keychain is locked");
      const done = act();
      const { at, milliseconds } = this.slow;
      if (at === name) await new Promise((resolve) => this.clock.after(milliseconds, resolve));
      return process.isDead ? new Promise(() => {}) : done;
    };
    return {
      get: (key) => work("get", () => this.kept.get(key) ?? null),
      set: (key, value) => work("set", () => void this.kept.set(key, value)),
      remove: (key) => work("remove", () => void this.kept.delete(key)),
      lock: (job) => this.#lock.hold(process, job),
    };
  }

  release(process) {
    this.#lock.release(process);
  }
}

/** The server of a behaviour. `answers` are its rules; `asked` what was asked of it. */
export class Server {
  answers = [];
  asked = [];
  unexpected = [];

  /** `now` is its own clock, which is right. */
  constructor(clock, now) {
    Object.assign(this, { clock, now });
  }

  /** `fetch` for a process. */
  for(process) {
    return async (input, init = {}) => {
      const request = await read(input, init, this.clock.ticks);
      const said = new Promise((resolve, reject) => {
        init.signal?.addEventListener("abort", () => reject(new TypeError("aborted")), { once: true });
        this.#answer(request, init.redirect).then(resolve, reject);
      });
      return whileAlive(process, said);
    };
  }

  async #answer(request, redirect) {
    this.asked.push(request);
    const rule = this.answers.find((rule) => rule.times !== 0 && isFor(rule, request));
    if (!rule) {
      this.unexpected.push(request);
      throw new TypeError("nothing was to be asked");
    }
    if (rule.times !== undefined) rule.times -= 1;
    if (rule.never) return new Promise(() => {});
    const at = this.now();
    if (rule.after) await new Promise((resolve) => this.clock.after(rule.after * 1_000, resolve));
    if (rule.lost) throw new TypeError("fetch failed");
    if (rule.redirect) {
      if (redirect === "error") throw new TypeError("unexpected redirect");
      if (redirect !== "manual") return this.#answer({ ...request, url: rule.redirect, ask: ask(request.method, rule.redirect) }, redirect);
    }
    return answerOf(rule, request.url, at);
  }
}

function whileAlive(process, work) {
  const mortal = (settle) => (value) => process.isDead || settle(value);
  return new Promise((resolve, reject) => work.then(mortal(resolve), mortal(reject)));
}

async function read(input, init, at) {
  const url = typeof input === "string" ? input : (input.url ?? String(input));
  const headers = new Headers(init.headers ?? input.headers);
  const method = init.method ?? input.method ?? "GET";
  const text = typeof init.body === "string" ? init.body : null;
  let body = null;
  try {
    body = text && JSON.parse(text);
  } catch {
    body = text;
  }
  const token = headers.get("authorization")?.replace(/^Bearer /, "") ?? null;
  return { ask: ask(method, url), method, url, token, key: headers.get("idempotency-key"), body, at };
}

function ask(method, url) {
  return `${method} ${url.startsWith(URL_OF_SERVER) ? url.slice(URL_OF_SERVER.length) : url}`;
}

function isFor({ to, token, body }, request) {
  return to === request.ask && (token === undefined || token === request.token) && includes(request.body, body);
}

/** Whether `value` has all that `part` has. */
export function includes(value, part) {
  if (part === undefined) return true;
  if (part === null || typeof part !== "object") return value === part;
  return value !== null && typeof value === "object" && Object.entries(part).every(([key, inner]) => includes(value[key], inner));
}

const TOKENS = (number) => ({
  access_token: `a${number}`,
  token_type: "Bearer",
  expires_in: 900,
  refresh_token: `r${number}`,
  refresh_expires_in: 31_536_000,
  device_token: `d${number}`,
});

const USER = { id: "u1", phone: "+79000000001", role: "user" };

/** What a rule answers at a time, as a `Response` of that address. */
function answerOf(rule, url, now) {
  const { status, body, type, headers } = shapeOf(rule);
  const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
  const answer = new Response(rule.garbled && text ? text.slice(0, text.length / 2) : text, {
    status,
    headers: { date: new Date(now).toUTCString(), ...(text === null ? {} : { "content-type": type }), ...headers },
  });
  Object.defineProperty(answer, "url", { value: rule.from ?? url });
  return answer;
}

function shapeOf(rule) {
  const json = "application/json";
  if (rule.tokens) return { status: 200, type: json, body: TOKENS(rule.tokens) };
  if (rule.signed_in) return { status: 200, type: json, body: { ...TOKENS(rule.signed_in), is_new: false, user: USER } };
  if (rule.texted) {
    const texted = { challenge_id: `c${rule.texted}`, phone: USER.phone, code_length: 4, expires_in: 300, resend_in: 60 };
    return { status: 202, type: json, body: texted };
  }
  if (rule.problem) {
    const { problem, status, type = "application/problem+json", ...more } = rule;
    const about = { type: `${URL_OF_SERVER}/docs#${problem}`, title: problem, detail: problem, request_id: "q1" };
    const after = more.holds?.retry_after;
    const headers = after === undefined ? {} : { "retry-after": String(after) };
    return { status, type, headers, body: { ...about, status, code: problem, ...more.holds } };
  }
  if (rule.page) {
    const headers = rule.retry_after === undefined ? {} : { "retry-after": String(rule.retry_after) };
    return { status: rule.page, type: "text/html", headers, body: "<html>Welcome to the hotel</html>" };
  }
  if (rule.redirect) return { status: 302, headers: { location: rule.redirect } };
  if (rule.json) return { status: rule.status ?? 200, type: json, body: rule.json };
  return { status: rule.status ?? 204 };
}
