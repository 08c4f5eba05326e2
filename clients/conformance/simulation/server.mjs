// Our server as far as sessions go, by the rule of `Session::judge` in shared/src/domain/session.rs: for a virtual clock,
// on which the real one does not run.

import { json, problem } from "./answers.mjs";

const GRACE = 30_000;
const RETRY = 3_600_000;
const ACCESS = 900_000;
const REFRESH = 365 * 86_400_000;
const KNOWN = 8;
const STALE = problem(401, "invalid_token");
const ME = json({ id: "me" });

export class Server {
  /** Refreshes that made a new pair. */
  refreshes = 0;
  /** Why the session ended. */
  ended = null;
  #generation = 0;
  #usedAt = null;
  #replacedAt = [];
  #lastSeen = 0;

  constructor(clock) {
    this.clock = clock;
  }

  tokens() {
    const generation = this.#generation;
    return {
      access_token: `access.${generation}.${this.clock.ticks}`,
      refresh_token: `refresh.${generation}`,
      device_token: `device.${generation % 3}`,
      token_type: "Bearer",
      expires_in: ACCESS / 1_000,
      refresh_expires_in: REFRESH / 1_000,
    };
  }

  /** Answers a request as it arrives. */
  answer(method, path, { authorization, body }) {
    if (path === "/v1/auth/refresh") return this.#refresh(JSON.parse(body).refresh_token);
    const [, generation, issued] = /^Bearer access\.(\d+)\.(\d+(?:\.\d+)?)$/.exec(authorization ?? "") ?? [];
    if (generation === undefined || this.clock.ticks - Number(issued) >= ACCESS) return STALE;
    if (this.ended) return problem(401, "session_ended");
    if (Number(generation) === this.#generation && this.#generation > 0) this.#usedAt ??= this.clock.ticks;
    return ME;
  }

  /** How the server stands to a refresh token. */
  judge(generation) {
    const now = this.clock.ticks;
    const age = this.#generation - generation;
    if (this.ended || age < 0 || now >= this.#lastSeen + REFRESH) return "ended";
    if (age === 0) return "current";
    const replacedAt = age <= KNOWN ? this.#replacedAt[generation % KNOWN] : undefined;
    if (age === 1) {
      if (this.#usedAt !== null && now >= this.#usedAt + GRACE) return "stolen";
      return now < (replacedAt ?? this.#lastSeen) + RETRY ? "repeated" : "lapsed";
    }
    return replacedAt !== undefined && now < replacedAt + GRACE ? "repeated" : "stolen";
  }

  #refresh(token) {
    const standing = this.judge(Number(token.split(".")[1]));
    if (standing === "current") {
      this.#replacedAt[this.#generation % KNOWN] = this.clock.ticks;
      this.#generation += 1;
      this.#usedAt = null;
      this.#lastSeen = this.clock.ticks;
      this.refreshes += 1;
    } else if (standing !== "repeated") {
      this.ended ??= standing;
      return problem(401, "invalid_refresh_token");
    }
    return json(this.tokens());
  }
}
