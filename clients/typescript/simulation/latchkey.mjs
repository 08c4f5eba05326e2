// Latchkey's rule for refresh tokens (`Session::judge` in shared/src/domain/session.rs), in memory; and its client.

import { createClient } from "@latchkey/client";

const GRACE = 30_000;
const RETRY = 3_600_000;
const LIFETIME = 900;
const URL = "https://auth.example.com";

export function latchkey({ clock }) {
  let session;
  let serial = 0;
  // Access tokens that were given before are refused, as after a rotation of secrets.
  let refusedBefore = 0;
  const verdicts = { current: 0, repeated: 0, lapsed: 0, stolen: 0, ended: 0 };

  const judge = (generation) => {
    const age = session.generation - generation;
    if (session.isOver || !(age >= 0)) return "ended";
    if (age === 0) return "current";
    const replacedAt = age <= 8 ? session.replaced[generation % 8] : undefined;
    const within = (since, time) => clock.now < since + time;
    if (age === 1) {
      if (session.usedAt !== null && !within(session.usedAt, GRACE)) return "stolen";
      return within(replacedAt, RETRY) ? "repeated" : "lapsed";
    }
    return replacedAt !== undefined && within(replacedAt, GRACE) ? "repeated" : "stolen";
  };

  const tokens = () => ({
    access_token: `a.${session.id}.${session.generation}.${(serial += 1)}.${clock.now}`,
    token_type: "Bearer",
    expires_in: LIFETIME,
    refresh_token: `r.${session.id}.${session.generation}`,
    refresh_expires_in: 31_536_000,
    device_token: "d",
  });

  const problem = (code, status) => ({ status, body: { type: "", title: code, detail: code, request_id: "", code, status } });

  const refresh = ({ refresh_token }) => {
    const [, id, generation] = refresh_token.split(".");
    const verdict = Number(id) === session.id ? judge(Number(generation)) : "ended";
    verdicts[verdict] += 1;
    if (verdict === "current") {
      session.replaced[session.generation % 8] = clock.now;
      session.generation += 1;
      session.usedAt = null;
    } else if (verdict !== "repeated") {
      session.isOver = true;
      return problem("invalid_refresh_token", 401);
    }
    return { status: 200, body: tokens() };
  };

  const profile = (header) => {
    const [, id, generation, number, at] = header.split(".");
    if (clock.now - at > LIFETIME * 1_000 || Number(number) <= refusedBefore) return problem("invalid_token", 401);
    if (session.isOver || Number(id) !== session.id) return problem("session_ended", 401);
    if (Number(generation) === session.generation && session.generation > 0) session.usedAt ??= clock.now;
    return { status: 200, body: { id: "u1" } };
  };

  return {
    isRefresh: (url) => url.endsWith("/refresh"),
    handle: ({ url, headers, body }) => (url.endsWith("/refresh") ? refresh(JSON.parse(body)) : profile(headers.authorization)),
    refuseAccess: () => (refusedBefore = serial),
    verdicts,
    rotations: () => verdicts.current,
    /** Somebody signs in: what the store holds then. */
    signIn(kept, now) {
      session = { id: (session?.id ?? 0) + 1, generation: 0, usedAt: null, replaced: [], isOver: false };
      const { access_token, refresh_token } = tokens();
      kept.set("latchkey.session", JSON.stringify({ access: access_token, refresh: refresh_token, lifetime: LIFETIME, at: now }));
    },
    isSignedIn: (kept) => kept.has("latchkey.session"),
    client({ fetch, storage, now, ticks, after, random }) {
      let drawn = 0;
      const world = { fetch, now, ticks, after, random, uuid: () => String((drawn += 1)) };
      const client = createClient({ url: URL, storage, world, passkeys: { isSupported: () => false } });
      return { ask: () => client.me.get() };
    },
  };
}
