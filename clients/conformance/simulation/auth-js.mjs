// `@supabase/auth-js` on a virtual clock, and a server of the shape that it expects. That is not GoTrue: it plays what GoTrue
// documents of refresh tokens and does in internal/api/token_refresh.go.

import { AsyncLocalStorage } from "node:async_hooks";

import { AuthClient } from "@supabase/auth-js";

import { json } from "./answers.mjs";

const URL_ = "https://auth.example.com";
const REFRESH = "/token?grant_type=refresh_token";
const ACCESS = 900;
// https://supabase.com/docs/guides/auth/sessions: "reuse interval", 10 seconds unless it is set.
const REUSE = 10_000;
// Older ones are not asked for any more in a round.
const KEPT = 200;

export const name = "@supabase/auth-js";

// It takes time from the platform: whose process it is says the context in which it was asked.
const here = new AsyncLocalStorage();

class Server {
  refreshes = 0;
  repeated = 0;
  /** Its access tokens are good until they end, whatever became of the session: the client says when it is over. */
  ended = null;
  #tokens = new Map();
  #issued = 0;
  #refusedUpTo = 0;
  #active = 0;

  constructor(clock) {
    this.clock = clock;
  }

  begin() {
    this.#tokens = new Map();
    return this.#pair(this.#grant(null));
  }

  refuseAccess() {
    this.#refusedUpTo = this.#issued;
  }

  answer(method, path, { authorization, body }) {
    if (path === REFRESH) return this.#refresh(Number(JSON.parse(body).refresh_token));
    const [, number, until] = (authorization ?? "").split(".").map(Number);
    const isGood = number > this.#refusedUpTo && this.clock.time() < until;
    return isGood ? json(USER) : json({ code: 401, error_code: "bad_jwt", msg: "invalid JWT" }, { status: 401 });
  }

  #refresh(id) {
    const { clock } = this;
    const token = this.#tokens.get(id);
    if (!token) return refused("refresh_token_not_found", "Refresh Token Not Found");
    if (token.revoked) {
      const active = this.#tokens.get(this.#active);
      this.repeated += 1;
      // The parent of the active one: its answer was lost.
      if (active && !active.revoked && active.parent === id) return json(this.#pair(this.#active));
      if (clock.ticks > token.updatedAt + REUSE) {
        for (const one of this.#tokens.values()) if (!one.revoked) Object.assign(one, { revoked: true, updatedAt: clock.ticks });
        return refused("refresh_token_already_used", "Already Used");
      }
    } else this.refreshes += 1;
    Object.assign(token, { revoked: true, updatedAt: clock.ticks });
    return json(this.#pair(this.#grant(id)));
  }

  #grant(parent) {
    this.#active = this.#issued += 1;
    this.#tokens.set(this.#active, { parent, revoked: false });
    if (this.#tokens.size > KEPT) this.#tokens.delete(this.#tokens.keys().next().value);
    return this.#active;
  }

  #pair(id) {
    const until = Math.round(this.clock.time() / 1_000) + ACCESS;
    return {
      access_token: `access.${(this.#issued += 1)}.${until * 1_000}`,
      refresh_token: String(id),
      token_type: "bearer",
      expires_in: ACCESS,
      expires_at: until,
      user: USER,
    };
  }
}

const USER = { id: "u1", aud: "authenticated", role: "authenticated", phone: "79000000001" };

function refused(error_code, msg) {
  return json({ code: 400, error_code, msg: `Invalid Refresh Token: ${msg}` }, { status: 400 });
}

export function makeServer(clock) {
  const after = (what, milliseconds = 0) => {
    const process = here.getStore();
    return process ? process.after(milliseconds, what) : clock.after(milliseconds, what);
  };
  const every = (what, milliseconds) => {
    let cancel;
    const again = () => {
      cancel = after(again, milliseconds);
      what();
    };
    cancel = after(again, milliseconds);
    return () => cancel();
  };
  globalThis.setTimeout = after;
  globalThis.setInterval = every;
  globalThis.clearTimeout = globalThis.clearInterval = (cancel) => typeof cancel === "function" && cancel();
  Date.now = () => clock.now();
  // It writes down there what it could not do.
  console.error = console.warn = () => {};
  return new Server(clock);
}

export function stored(session) {
  return [["session", JSON.stringify(session)]];
}

/** As its guides have it: what the store says, refreshed by the client's own ticker; and once more where the token is refused. */
export function start({ process, server, network, over }) {
  // What was answered to its last refresh.
  let why = "nothing";
  const inside = (work) => here.run(process, work);
  const { get: getItem, set: setItem, remove: removeItem } = process.device.storageOf(process);
  const send = (path, { method = "GET", headers, body }) => {
    const given = new Headers(headers);
    const sent = { authorization: given.get("authorization"), body };
    const isRefresh = path === REFRESH;
    const asked = process.ask(network, isRefresh, () => server.answer(method, path, sent));
    if (isRefresh) asked.then(async (got) => (why = `${got.status} ${(await got.text()).slice(0, 25)}`), ({ message }) => (why = message));
    return asked;
  };
  const auth = inside(() => new AuthClient({
    url: URL_,
    storageKey: "session",
    storage: { getItem, setItem, removeItem },
    detectSessionInUrl: false,
    fetch: (url, init) => send(String(url).slice(URL_.length), init),
  }));
  inside(() => auth.onAuthStateChange((event) => {
    if (event === "SIGNED_OUT") over(why);
  }));
  const asked = async (session) => {
    const got = await send("/user", { headers: { authorization: `Bearer ${session.access_token}` } });
    if (got.status === 401) return false;
    if (!got.ok) throw new Error(`answered ${got.status}`);
    return true;
  };
  const ask = async () => {
    const { data, error } = await auth.getSession();
    if (error) throw error;
    if (!data.session) throw new Error("not signed in");
    if (await asked(data.session)) return;
    const again = await auth.refreshSession();
    if (again.error) throw again.error;
    if (!(await asked(again.data.session))) throw new Error("refused twice");
  };
  return { ask: () => inside(ask) };
}
