// Our server as far as one session goes, by the rule of `Session::judge` in shared/src/domain/session.rs, for a virtual clock,
// on which the real one does not run. `rule.test.mjs` holds it against that one.

import { json, problem } from "./answers.mjs";

const GRACE = 30_000;
const RETRY = 3_600_000;
const ACCESS = 900_000;
const REFRESH = 365 * 86_400_000;
const KNOWN = 8;
const ME = json({ id: "me" });
const [STALE, ENDED, OVER] = [problem(401, "invalid_token"), problem(401, "session_ended"), problem(401, "invalid_refresh_token")];

export class Server {
  static refreshPath = "/v1/auth/refresh";
  /** Refreshes that made a new pair. */
  refreshes = 0;
  /** Tokens of before that came again, and were given the present pair. */
  repeated = 0;
  /** Why the session ended. */
  ended = null;
  #session = 0;
  #generation = 0;
  #usedAt = null;
  #replacedAt = [];
  #lastSeen = 0;
  #issued = 0;
  #refusedUpTo = 0;

  constructor(clock) {
    this.clock = clock;
  }

  /** Somebody signs in; answers the tokens. */
  begin() {
    this.#session += 1;
    this.#generation = 0;
    this.#usedAt = this.ended = null;
    this.#replacedAt = [];
    this.#lastSeen = this.clock.ticks;
    return this.#tokens();
  }

  /** All access tokens of before are refused from now on, as after the key that signs them was taken away. */
  refuseAccess() {
    this.#refusedUpTo = this.#issued;
  }

  #tokens() {
    return {
      access_token: `access.${this.#session}.${this.#generation}.${(this.#issued += 1)}.${Math.floor(this.clock.ticks)}`,
      refresh_token: `refresh.${this.#session}.${this.#generation}`,
      device_token: `device.${this.#session}`,
      token_type: "Bearer",
      expires_in: ACCESS / 1_000,
      refresh_expires_in: REFRESH / 1_000,
    };
  }

  /** Answers a request as it arrives. */
  answer(method, path, { authorization, body }) {
    if (path === Server.refreshPath) return this.#refresh(JSON.parse(body).refresh_token);
    const [, session, generation, number, at] = (authorization ?? "").split(".").map(Number);
    const isStale = !(number > this.#refusedUpTo) || this.clock.ticks - at >= ACCESS;
    if (isStale) return this.#dated(STALE);
    if (this.ended || session !== this.#session) return ENDED;
    this.use(generation);
    return ME;
  }

  /** An access token of a generation was let in. */
  use(generation) {
    if (generation === this.#generation && generation > 0) this.#usedAt ??= this.clock.ticks;
  }

  /** How the session stands to a refresh token. */
  judge(generation) {
    const now = this.clock.ticks;
    const age = this.#generation - generation;
    if (age < 0 || now >= this.#lastSeen + REFRESH) return "ended";
    if (age === 0) return "current";
    const replacedAt = age <= KNOWN ? this.#replacedAt[generation % KNOWN] : undefined;
    if (age === 1) {
      if (this.#usedAt !== null && now >= this.#usedAt + GRACE) return "stolen";
      return now < replacedAt + RETRY ? "repeated" : "lapsed";
    }
    return replacedAt !== undefined && now < replacedAt + GRACE ? "repeated" : "stolen";
  }

  /** Judges a refresh token, and moves the session on if it is the one in use. */
  refresh(generation) {
    const standing = this.judge(generation);
    if (standing !== "current") return standing;
    this.#replacedAt[this.#generation % KNOWN] = this.#lastSeen = this.clock.ticks;
    this.#generation += 1;
    this.#usedAt = null;
    return standing;
  }

  #refresh(token) {
    const [, session, generation] = token.split(".").map(Number);
    if (this.ended || session !== this.#session) return OVER;
    const standing = this.refresh(generation);
    if (standing === "current") this.refreshes += 1;
    else if (standing === "repeated") this.repeated += 1;
    else {
      this.ended = standing;
      return OVER;
    }
    return this.#dated(json(this.#tokens()));
  }

  /** With the server's own time, in whole seconds. */
  #dated({ headers, ...answer }) {
    const at = this.clock.time();
    return { ...answer, headers: { get: (name) => (name === "date" ? new Date(at).toUTCString() : headers.get(name)) } };
  }
}
