// The frame around the pages, and which page it is: by the session, by rights,
// then by the address behind #.

import * as api from "./api.js";
import { audit } from "./audit.js";
import { h, icon } from "./dom.js";
import { during, notice, once, say } from "./feedback.js";
import { guard } from "./guard.js";
import { isOfferDue, offer } from "./passkeys.js";
import { person } from "./person.js";
import { signIn, signInAgain } from "./signin.js";
import * as codes from "./support.js";
import * as list from "./users.js";
import { hasPasskeys } from "./webauthn.js";
import { explained, language, LANGUAGES, speak, t } from "./words.js";

const NAMES = { en: "English", ru: "Русский" };

const header = h("header", {});
const offline = h("p", { class: "offline", role: "status", hidden: true });
const offering = h("div", { role: "status" });
const main = h("main", { id: "main" });
const said = h("div", { id: "said", role: "status" });

let me = null;
let why = null;
let isOffered = false;
let page = null;
let leaving = new AbortController();

/** Shows the page that is due. `still` keeps focus and place where they are. */
function render({ still = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  page?.leave?.();
  page = due(leaving.signal);
  document.documentElement.lang = language();
  document.title = `${page.title} · Latchkey`;
  header.replaceChildren(...frame());
  offline.textContent = t("offline_banner");
  offering.hidden = !api.hasSession();
  main.replaceChildren(page.content);
  if (still) return;
  scrollTo(0, page.scroll ?? 0);
  if (page.focus) page.focus();
  else main.querySelector("h1")?.focus({ preventScroll: true });
}

function due(signal) {
  if (!api.hasSession()) return signIn({ entered, why, signal });
  if (!me) return loading(signal);
  if (me.role === "user") return noRights();
  const [path, query] = location.hash.slice(1).split("?");
  const id = path.match(/^\/users\/([^/]+)$/)?.[1];
  const context = { me, signal, go, query: new URLSearchParams(query) };
  if (path === "/guard") return guard(context);
  if (path === "/audit" && me.role === "admin") return audit(context);
  if (path === "/support") return codes.support(context);
  return id ? person({ ...context, id: decoded(id) }) : list.users(context);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Goes to an address; shows it anew if it is the one that is shown. */
function go(hash) {
  if (hash === location.hash) render();
  else location.hash = hash;
}

async function entered(user, { byText }) {
  me = user;
  why = null;
  isOffered = false;
  showOffer();
  render();
  if (!byText || user.role === "user" || !(await isOfferDue()) || me !== user) return;
  isOffered = true;
  showOffer();
}

/** Shows the offer of a passkey, or none. Not with each page: it would be read out anew. */
function showOffer() {
  const settle = () => {
    isOffered = false;
    showOffer();
    main.querySelector("h1")?.focus({ preventScroll: true });
  };
  offering.replaceChildren(...(isOffered ? [offer(settle)] : []));
}

function loading(signal) {
  const place = h("div", { class: "narrow" }, h("h1", { class: "unseen", tabindex: "-1" }, t("loading")));
  const load = async () => {
    try {
      me = await during(api.me(signal));
      render();
    } catch (failure) {
      // Where the session is over, the page is another already.
      if (!signal.aborted) place.replaceChildren(notice(failure, load));
    }
  };
  load();
  return { title: t("loading"), content: place };
}

function noRights() {
  const check = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: () =>
        once(check, async () => {
          try {
            me = await api.me();
            render();
          } catch (failure) {
            if (api.hasSession()) place.append(notice(failure));
          }
        }),
    },
    t("check_again"),
  );
  const place = h(
    "div",
    { class: "empty narrow" },
    icon("M7 11V8a5 5 0 0 1 10 0v3M5 11h14v10H5z"),
    h("h1", { tabindex: "-1" }, t("no_rights")),
    h("p", {}, t("no_rights_text", { phone: me.phone })),
    check,
  );
  return { title: t("no_rights"), content: place };
}

function frame() {
  const languages = LANGUAGES.map((each) =>
    h(
      "button",
      {
        type: "button",
        lang: each,
        "aria-pressed": String(each === language()),
        "aria-label": `${each.toUpperCase()}, ${NAMES[each]}`,
        onclick: () => {
          speak(each);
          render({ still: true });
          showOffer();
          header.querySelector(`[lang=${each}]`).focus();
        },
      },
      each.toUpperCase(),
    ),
  );
  const out = h("button", { type: "button", class: "quiet", onclick: () => once(out, leave) }, t("sign_out"));
  return [
    h("a", { class: "skip", href: "#main", onclick: skip }, page.title),
    h(
      "a",
      { class: "brand", href: "#/users" },
      icon("M9 16a4 4 0 1 1 0-8 4 4 0 0 1 0 8m4-4h8v3.5M17 12v2.5"),
      h("span", {}, "Latchkey"),
    ),
    me && me.role !== "user" && api.hasSession() && pages(),
    h("div", { class: "languages", role: "group", "aria-label": t("language") }, languages),
    ...(me && api.hasSession()
      ? [h("span", { class: "me muted" }, h("span", { class: "unseen" }, t("you_are", { phone: "" })), me.phone), out]
      : []),
  ].filter(Boolean);
}

function pages() {
  const mine = list.address(me.id);
  const names = { "#/support": "support", "#/guard": "guard", "#/audit": "audit", [mine]: "account" };
  const at = names[location.hash.split("?")[0]] ?? "users";
  const audits = me.role === "admin" && { audit: "#/audit" };
  const places = { users: "#/users", support: "#/support", guard: "#/guard", ...audits, account: mine };
  const links = Object.entries(places).map(([name, href]) => h("a", { href, "aria-current": name === at && "true" }, t(name)));
  return h("nav", { "aria-label": t("pages") }, links);
}

/** To the page itself, without another address. */
function skip(event) {
  event.preventDefault();
  main.querySelector("h1")?.focus();
}

/** Nothing of what was seen is kept for the next who signs in. */
function forget() {
  list.forget();
  codes.forget();
  me = null;
}

async function leave() {
  forget();
  why = null;
  const told = api.signOut();
  history.replaceState(null, "", "#/users");
  render();
  try {
    await told;
    say(t("signed_out"));
  } catch {
    say(t("signed_out_here"));
  }
}

let asking = null;

/** Another sign-in of whoever is signed in; answers whether there was one. */
async function again(failure) {
  const { id, phone } = me;
  // What is refused for a time takes a passkey, or that time.
  const byPasskeyAlone = failure.retryAfter > 0;
  if (byPasskeyAlone && !hasPasskeys()) return false;
  const why = byPasskeyAlone ? explained(failure) : t("sign_in_again");
  const user = await signInAgain({ phone, why, byPasskeyAlone });
  if (!user || user.id === id) return user !== null;
  // Somebody else: what was meant was not theirs.
  entered(user, { byText: false });
  return false;
}

/** The session is no more, or another's. The address stays: whoever signs in again goes on where it ended. */
function over(because) {
  forget();
  why = because;
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.close();
    dialog.remove();
  }
  render();
}

api.listen({
  ended: (code) => over(explained({ code })),
  forbidden: async () => {
    const before = me?.role;
    try {
      me = await api.me();
    } catch {
      return;
    }
    if (me.role !== before) render();
  },
  // In another tab.
  replaced: () => over(null),
  stale: (failure) => {
    asking ??= again(failure).finally(() => (asking = null));
    return asking;
  },
});

const connection = () => (offline.hidden = navigator.onLine);
addEventListener("online", connection);
addEventListener("offline", connection);
addEventListener("hashchange", () => render());
// As elsewhere, a slash goes to the box that finds people.
addEventListener("keydown", (event) => {
  const isTyped = event.target.closest?.("input, select, textarea, dialog");
  const box = main.querySelector("[role=search] input");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyped || !box) return;
  event.preventDefault();
  box.focus();
  box.select();
});
history.scrollRestoration = "manual";

document.body.replaceChildren(h("div", { class: "progress", "aria-hidden": "true" }), header, offline, offering, main, said);
connection();
// A new tab is signed in where another is.
await api.join();
render();
