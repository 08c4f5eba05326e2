// Where the session is. Its refresh token is in localStorage, sealed under a key that is in
// the sessionStorage of open tabs alone: a reload and a new tab go on, and once the last tab
// is closed, nobody can read it. A new tab asks the others for the key.

const KEY = "latchkey.session_key";
const SEALED = "latchkey.session";
const LOCK = "latchkey.session";

// How long another tab may take to hand over the key, and what it wrote to be seen here, in milliseconds.
const PATIENCE = 500;
const TRAVEL = 5_000;

// Without WebCrypto, at an address without TLS, each tab keeps its token to itself.
const isShared = Boolean(globalThis.crypto?.subtle && navigator.locks);

let others = { ended: () => {}, replaced: () => {} };
let joined = () => {};

const encode = (bytes) => btoa(String.fromCharCode(...bytes));
const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const random = (length) => encode(crypto.getRandomValues(new Uint8Array(length)));

/** Who is told when another tab ended the session, or put another into its place. */
export function listen(listeners) {
  others = listeners;
}

/** The key of this tab, `{ id, bytes }`; without WebCrypto the token itself. */
function key() {
  const [id, bytes] = (sessionStorage.getItem(KEY) ?? "").split(" ");
  return id ? { id, bytes } : null;
}

/** What all tabs see: `{ key, session, user, nth, iv, data }`; it is the `nth` token of its session. */
function sealed(text = localStorage.getItem(SEALED)) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The session that can be read here. */
function open() {
  const box = sealed();
  return box && box.key === key()?.id ? box : null;
}

export function has() {
  return isShared ? open() !== null : key() !== null;
}

/** What tells the present session from one before; the same through all refreshes. */
export function mark() {
  return isShared ? (open()?.session ?? null) : "";
}

/** One tab at a time: none trades a token that another is trading, or has traded. */
export async function alone(work) {
  if (!isShared) return work();
  return navigator.locks.request(LOCK, async () => {
    await seen(await written());
    return work();
  });
}

const lockOf = (session, nth) => `${LOCK}.${session}.${nth}`;

/**
 * How many tokens of this session the tabs have kept. A turn may come sooner than what the tab before has written, as the two
 * travel apart; so what is written travels as a lock, too, which that tab holds.
 */
async function written() {
  const { held } = await navigator.locks.query();
  const ours = lockOf(mark(), "");
  return Math.max(0, ...held.filter(({ name }) => name.startsWith(ours)).map(({ name }) => Number(name.slice(ours.length))));
}

/** Waits until so many are seen here. */
async function seen(count) {
  const end = Date.now() + TRAVEL;
  while (open()?.nth < count && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
}

let release = () => {};

/** Tells the other tabs, until the next one is kept, that this one is. */
function tell({ session, nth }) {
  return new Promise((resolve) => {
    navigator.locks.request(lockOf(session, nth), () => {
      release();
      resolve();
      return new Promise((ended) => (release = ended));
    });
  });
}

const aes = (bytes, use) => crypto.subtle.importKey("raw", decode(bytes), "AES-GCM", false, [use]);

/** The refresh token; null where there is none. */
export async function read() {
  if (!isShared) return key()?.id ?? null;
  const box = open();
  if (!box) return null;
  try {
    const opened = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: decode(box.iv) },
      await aes(key().bytes, "decrypt"),
      decode(box.data),
    );
    return new TextDecoder().decode(opened);
  } catch {
    return null;
  }
}

/** Keeps the first token of a session of `user`, or without `user` the next one of this. */
export async function keep(token, user) {
  if (!isShared) {
    sessionStorage.setItem(KEY, token);
    return;
  }
  if (!key()) sessionStorage.setItem(KEY, `${random(9)} ${random(32)}`);
  const { id, bytes } = key();
  const { session, user: whose, nth } = open() ?? {};
  const of = user ? { session: random(9), user, nth: 1 } : { session, user: whose, nth: (nth ?? 0) + 1 };
  const iv = random(12);
  const data = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: decode(iv) },
    await aes(bytes, "encrypt"),
    new TextEncoder().encode(token),
  );
  // Signed out meanwhile: what came is not kept.
  if (!key() || (!user && open()?.session !== of.session)) return;
  localStorage.setItem(SEALED, JSON.stringify({ key: id, ...of, iv, data: encode(new Uint8Array(data)) }));
  await tell(of);
}

/** Forgets it, in all tabs. */
export function forget() {
  if (isShared && open()) localStorage.removeItem(SEALED);
  sessionStorage.removeItem(KEY);
}

const tabs = new BroadcastChannel("latchkey.session");
tabs.onmessage = ({ data }) => {
  if (data.wanted && key()?.id === data.wanted) tabs.postMessage({ key: sessionStorage.getItem(KEY) });
  if (data.key) joined(data.key);
};

/** Asks the other tabs for their session; answers whether it is this tab's, too. */
export function join() {
  const wanted = sealed()?.key;
  if (!isShared || has() || !wanted) return Promise.resolve(has());
  return new Promise((resolve) => {
    const end = () => {
      joined = () => {};
      resolve(has());
    };
    setTimeout(end, PATIENCE);
    joined = (given) => {
      if (given.split(" ")[0] !== wanted) return;
      sessionStorage.setItem(KEY, given);
      end();
    };
    tabs.postMessage({ wanted });
  });
}

addEventListener("storage", ({ key: name, oldValue, newValue }) => {
  if (name !== SEALED || !isShared) return;
  const [before, now] = [sealed(oldValue), sealed(newValue)];
  if (before?.key !== key()?.id || !before) return;
  if (now?.key !== before.key) {
    sessionStorage.removeItem(KEY);
    others.ended();
  } else if (now.session !== before.session) {
    others.replaced({ isSomebodyElse: now.user !== before.user });
  }
});
