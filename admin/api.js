// The API, and the session of whoever signed in. The access token is in memory
// only; where the refresh token is, session.js says. What the device is known by, which signs
// nobody in, stays in localStorage: so strangers who know an admin's number cannot use up
// the admin's codes.

import { solve } from "./proof.js";
import * as session from "./session.js";

// This file is …/admin/<version>/api.js, with or without a stage before it.
const BASE = new URL("../../", import.meta.url);
const DEVICE = "latchkey.device_token";

// How long an answer may take, in milliseconds. A refresh is given up sooner:
// it has to be repeated while the token just replaced still gives the new one.
const PATIENCE = 30_000;
const PATIENCE_WITH_REFRESH = 8_000;
const PAUSES = [300, 1_000, 3_000];

/** Why something was not done. `code` is the API's, or one of ours. */
export class Failure extends Error {
  constructor(code, { status = 0, retryAfter = null, problem = {} } = {}) {
    super(code);
    this.code = code;
    this.status = status;
    /** Seconds, where the API told them. */
    this.retryAfter = retryAfter;
    this.problem = problem;
  }

  /** Whether nobody knows if it was done, so that only asking again helps. */
  get isLost() {
    return ["offline", "slow", "outcome_unknown", "unavailable"].includes(this.code);
  }
}

let access = null;
// Of which session the access token is.
let accessOf = null;
let refreshing = null;
let ended = () => {};
let forbidden = () => {};
let stale = async () => false;

/**
 * Who is told when the session is over, with the code of the problem that said
 * so; when something was forbidden, because rights may have changed; with the
 * failure, when something takes another sign-in: answers whether there was one; and when
 * somebody else signed in, in another tab.
 */
export function listen(listeners) {
  ({ ended, forbidden, stale } = listeners);
  session.listen({
    ended: () => {
      access = null;
      ended("session_ended");
    },
    replaced: ({ isSomebodyElse }) => {
      access = null;
      if (isSomebodyElse) listeners.replaced();
    },
  });
}

export const hasSession = session.has;

/** Takes part in the session of another tab; answers whether there is one. */
export const join = session.join;

async function keep(answer) {
  localStorage.setItem(DEVICE, answer.device_token);
  await session.keep(answer.refresh_token, answer.user?.id);
  access = answer.access_token;
  accessOf = session.mark();
}

function forget() {
  access = null;
  session.forget();
}

function end(code) {
  if (!hasSession()) return;
  forget();
  ended(code);
}

/** Asks once. Fails with a `Failure`, or as aborted. */
async function send(method, path, { body, token, headers = {}, signal, patience = PATIENCE } = {}) {
  const timeout = AbortSignal.timeout(patience);
  let answer;
  let content;
  try {
    answer = await fetch(new URL(path, BASE), {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      credentials: "omit",
      cache: "no-store",
    });
    content = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(timeout.aborted ? "slow" : "offline");
  }
  const value = parsed(content);
  if (answer.ok) return value;
  // What API Gateway answers by itself has no code.
  const code = value?.code ?? { 429: "throttled", 503: "unavailable" }[answer.status] ?? "broken";
  const seconds = Number(answer.headers.get("retry-after") ?? NaN);
  throw new Failure(code, {
    status: answer.status,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
    problem: value ?? {},
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Asks again while the answer is lost: for what is safe to repeat. */
async function insist(ask) {
  for (const pause of PAUSES) {
    try {
      return await ask();
    } catch (failure) {
      if (!failure.isLost) throw failure;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return ask();
}

/** The next pair of tokens: one request, however many wait for it. */
function refresh() {
  refreshing ??= rotate().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function rotate() {
  try {
    return await session.alone(async () => {
      const refresh_token = await session.read();
      if (!refresh_token) throw new Failure("session_ended", { status: 401 });
      const trade = () =>
        send("POST", "v1/auth/refresh", { body: { refresh_token }, patience: PATIENCE_WITH_REFRESH });
      const answer = await insist(trade);
      // Signed out meanwhile: what came is not kept.
      if (!hasSession()) throw new Failure("session_ended", { status: 401 });
      await keep(answer);
      return access;
    });
  } catch (failure) {
    if (failure.status === 401 || failure.code === "account_banned") end(failure.code);
    throw failure;
  }
}

/** Asks by the session; once more where it takes another sign-in, and there was one. */
async function call(method, path, options) {
  try {
    return await callOnce(method, path, options);
  } catch (failure) {
    if (failure.code !== "recent_sign_in_required" || !(await stale(failure))) throw failure;
    return callOnce(method, path, options);
  }
}

/** Asks by the session, with a new access token if the old one is past its time. */
async function callOnce(method, path, options) {
  let token = access ?? (await refresh());
  try {
    try {
      return await send(method, path, { ...options, token });
    } catch (failure) {
      // In another tab there may have been another sign-in, which ended this one.
      const isOver = failure.code === "session_ended" && accessOf === session.mark();
      if (failure.status !== 401 || isOver) throw failure;
      if (access === token) access = null;
      token = access ?? (await refresh());
      return await send(method, path, { ...options, token });
    }
  } catch (failure) {
    if (failure.status === 401 || failure.code === "account_banned") end(failure.code);
    if (failure.code === "forbidden") forbidden();
    throw failure;
  }
}

function query(parameters) {
  const set = Object.entries(parameters).filter(([, value]) => value);
  return set.length === 0 ? "" : `?${new URLSearchParams(set)}`;
}

function knownDevice() {
  const device_token = localStorage.getItem(DEVICE);
  return device_token ? { device_token } : {};
}

/**
 * Texts a code to a phone as a person of `locale` typed it. Where a proof of work is
 * needed, tells `proving`, makes it, and asks again.
 */
export async function askForCode(phone, locale, proving) {
  const ask = (proof) => send("POST", "v1/auth/code", { body: { phone, locale, ...knownDevice(), ...proof } });
  try {
    return await ask();
  } catch (failure) {
    if (failure.code !== "proof_required" || !crypto.subtle) throw failure;
    proving();
    const proof = await solve(failure.problem.challenge);
    return ask({ proof });
  }
}

/** A key for one request that may have to be repeated. */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Trades phone and code for a session, in the place of the one before; answers who it is. */
export const signIn = (sent, key) => trade("v1/auth/token", sent, key);

/** What the browser needs to sign in by a passkey. */
export const passkeySignInOptions = () => send("POST", "v1/auth/passkey/options");

/** Trades what the browser answered for a session, in the place of the one before; answers who it is. */
export const signInByPasskey = (sent, key) => trade("v1/auth/passkey", sent, key);

async function trade(path, sent, key) {
  const answer = await insist(() =>
    send("POST", path, { body: { ...sent, ...knownDevice() }, headers: { "idempotency-key": key } }),
  );
  const before = await session.alone(async () => {
    const before = await session.read();
    await keep(answer);
    return before;
  });
  if (before) send("POST", "v1/auth/logout", { body: { refresh_token: before } }).catch(() => {});
  return answer.user;
}

/** Ends the session, here in any case; fails if the API could not be told. */
export async function signOut() {
  const reading = session.read();
  forget();
  const refresh_token = await reading;
  if (refresh_token) await send("POST", "v1/auth/logout", { body: { refresh_token } });
}

const user = (id) => `v1/users/${encodeURIComponent(id)}`;

export const me = (signal) => call("GET", "v1/users/me", { signal });
export const stats = (days, signal) => call("GET", `v1/stats${query({ days })}`, { signal });
export const listUsers = (parameters, signal) => call("GET", `v1/users${query(parameters)}`, { signal });
export const getUser = (id, signal) => call("GET", user(id), { signal });
export const updateUser = (id, change) => call("PATCH", user(id), { body: change });
export const manageInvite = (id, change, signal) =>
  call("PATCH", `${user(id)}/invite`, { body: change, signal });
export const listReferrals = (id, parameters, signal) =>
  call("GET", `${user(id)}/referrals${query(parameters)}`, { signal });
export const listSessions = (id, signal) => call("GET", `${user(id)}/sessions`, { signal });
export const revokeSession = (id, session) =>
  call("DELETE", `${user(id)}/sessions/${encodeURIComponent(session)}`);

/** What the browser needs to make a passkey. */
export const passkeyOptions = () => call("POST", "v1/users/me/passkeys/options");
/** The same, and where it takes another sign-in, nobody is asked for one. */
export const passkeyOptionsIfRecent = () => callOnce("POST", "v1/users/me/passkeys/options");
/** Adds what the browser made: by options of this session alone, so another sign-in would not help. */
export const addPasskey = (made) => insist(() => callOnce("POST", "v1/users/me/passkeys", { body: made }));
export const listPasskeys = (id, signal) => call("GET", `${user(id)}/passkeys`, { signal });
export const renamePasskey = (passkey, name) =>
  call("PATCH", `v1/users/me/passkeys/${encodeURIComponent(passkey)}`, { body: { name } });

/** Removes a passkey. That it is gone already is as good. */
export const removePasskey = (id, passkey) =>
  unlessGone("passkey_not_found", call("DELETE", `${user(id)}/passkeys/${encodeURIComponent(passkey)}`));

export const guard = (parameters, signal) => call("GET", `v1/guard${query(parameters)}`, { signal });
export const openPlace = (place) => call("DELETE", `v1/guard/${encodeURIComponent(place)}`);

/** The move of an account to a new number; null where none was begun. */
export async function getRecovery(id, signal) {
  try {
    return await call("GET", `${user(id)}/recovery`, { signal });
  } catch (failure) {
    if (failure.code !== "not_found") throw failure;
    return null;
  }
}
export const beginRecovery = (id, phone) => call("PUT", `${user(id)}/recovery`, { body: { phone } });
/** Stops it. That there is none any more is as good. */
export const stopRecovery = (id) => unlessGone("not_found", call("DELETE", `${user(id)}/recovery`));

export const listAudit = (parameters, signal) => call("GET", `v1/audit${query(parameters)}`, { signal });
export const lookUpPhone = (phone, signal) => call("POST", "v1/support/phones", { body: { phone }, signal });
export const liftLimits = (phone) => call("DELETE", "v1/support/phones/limits", { body: { phone } });

/** Removes an account. That it is gone already is as good. */
export const deleteUser = (id) => unlessGone("user_not_found", call("DELETE", user(id)));

async function unlessGone(code, removal) {
  try {
    await removal;
  } catch (failure) {
    if (failure.code !== code) throw failure;
  }
}

/** An avatar at the address where the panel is, which may be another than PUBLIC_URL. */
export function avatar(url) {
  const name = url?.split("/").pop();
  return name ? new URL(`v1/avatars/${encodeURIComponent(name)}`, BASE).href : null;
}
