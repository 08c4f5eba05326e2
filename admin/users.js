// The list of users: newest first, to the end, or those that are looked for.

import * as api from "./api.js";
import { charts } from "./charts.js";
import { h, icon, select } from "./dom.js";
import { copy, during, notice, refresh, showMore } from "./feedback.js";
import { ago, country, day, REGIONS, t, time } from "./words.js";

const PAGE = 50;

// A page may be short, and those of months without anybody are empty: so many
// are asked for until there is something to show.
const SHORT_PAGES = 12;
const ENOUGH = 20;

/** What the list can be asked for. */
const FILTERS = ["phone", "phone_prefix", "invite_code", "country", "created_on", "role", "status"];

/** What was loaded last, so that going back neither asks nor scrolls anew. */
let seen = null;

/** Nothing of it is kept for the next who signs in. */
export function forget() {
  seen = null;
}

/** Puts what is known of a user now into the list; without `now`, nobody. */
export function update(id, now) {
  if (!seen) return;
  seen.items = now
    ? seen.items.map((one) => (one.id === id ? { ...one, ...now } : one))
    : seen.items.filter((one) => one.id !== id);
}

/** The address of a person's page. */
export function address(id) {
  return `#/users/${encodeURIComponent(id)}`;
}

export function users({ me, query, signal, go }) {
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]));
  const looked = Object.values(wanted).some(Boolean);
  const key = query.toString();
  const list = h("ul", {});
  const people = h("div", { class: "people" }, heads(), list);
  const foot = h("div", { class: "foot" });
  const before = seen?.key === key ? seen : null;
  seen = before ?? { key, items: [], cursor: null, scroll: 0, begun: false };
  const state = seen;

  const more = async () => {
    foot.replaceChildren();
    const had = state.items.length;
    try {
      for (let pages = 0; pages < SHORT_PAGES && state.items.length - had < ENOUGH; pages += 1) {
        const page = await found(wanted, { limit: PAGE, cursor: state.cursor }, signal);
        const known = new Set(state.items.map((one) => one.id));
        const fresh = page.items.filter((one) => !known.has(one.id));
        state.items.push(...fresh);
        state.cursor = page.cursor;
        state.begun = true;
        if (had === 0 && pages === 0) list.replaceChildren();
        list.append(...fresh.map((one) => row(one, me)));
        if (page.cursor === null) break;
      }
      end();
      return state.items.length - had;
    } catch (failure) {
      if (signal.aborted) return 0;
      if (!state.begun) list.replaceChildren();
      foot.replaceChildren(notice(failure, more));
      return 0;
    }
  };

  const end = () => {
    const count = state.items.length;
    if (count === 0 && state.cursor === null) {
      foot.replaceChildren(empty(looked));
      return;
    }
    const next = showMore(more, { list, foot });
    foot.replaceChildren(
      h("p", { class: "muted" }, state.cursor === null ? t("shown_all", { count }) : reached(wanted, state.items)),
      ...(state.cursor === null ? [] : [next]),
    );
  };

  if (before?.begun) {
    list.append(...state.items.map((one) => row(one, me)));
    end();
  } else {
    list.append(...Array.from({ length: 6 }, () => h("li", { class: "skeleton row", "aria-hidden": "true" })));
    during(more());
  }

  const again = refresh(() => {
    forget();
    go(location.hash);
  });
  const { choice, cards } = charts(signal);
  return {
    title: t("users"),
    content: h(
      "div",
      { class: "stack" },
      h("div", { class: "bar" }, h("h1", { tabindex: "-1" }, t("users")), choice, again),
      cards,
      h("section", { class: "stack tight", "aria-label": t("users") }, search(wanted, looked, go), people, foot),
    ),
    leave: () => (state.scroll = scrollY),
    scroll: before?.scroll ?? 0,
  };
}

/**
 * A page. What is no whole phone may be the front of one, and what is neither, or begins nobody's, a code of an earlier
 * service.
 */
async function found(wanted, page, signal) {
  const list = (query) => api.listUsers({ ...query, ...page }, signal);
  const typed = wanted.phone ?? wanted.phone_prefix;
  if (!typed || page.cursor) return list(wanted);
  const read = (as) => ({ ...wanted, phone: null, phone_prefix: null, [as]: typed });
  let refusal;
  let nobodys;
  for (const as of wanted.phone ? ["phone", "phone_prefix"] : ["phone_prefix"]) {
    const query = read(as);
    try {
      const begun = await list(query);
      Object.assign(wanted, query);
      if (as === "phone" || begun.items.length > 0 || begun.cursor !== null) return begun;
      nobodys = begun;
    } catch (failure) {
      if (!["invalid_phone", "invalid_request"].includes(failure.code)) throw failure;
      refusal ??= failure;
    }
  }
  const owner = await list(read("invite_code"));
  if (owner.items.length > 0) {
    Object.assign(wanted, read("invite_code"));
    return owner;
  }
  if (nobodys) return nobodys;
  throw refusal;
}

/** How far the list has come: back to a day, or where it goes by number up to one. */
function reached(wanted, items) {
  const count = items.length;
  const last = items.at(-1);
  if (!last) return t("shown", { count });
  const isByNumber = wanted.phone_prefix || (wanted.country && !wanted.created_on && !wanted.role && !wanted.status);
  if (isByNumber) return t("shown_to", { count, phone: last.phone });
  return t("shown_back", { count, day: day(last.created_at.slice(0, 10), { dateStyle: "medium" }) });
}

/** What somebody typed or pasted: a phone or its front, an invite code, a share link or an id. */
function typedAs(text) {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return "id";
  if (/\/i\//.test(text)) return "invite_code";
  const digits = text.replace(/\D/g, "").length;
  const hasLetters = /\p{L}/u.test(text);
  // Digits alone are a phone's, but for six of them; letters may stand beside a whole phone, too.
  if (/^\d{6}$/.test(text) || (hasLetters && (digits < 7 || /^[\p{L}\d]+$/u.test(text)))) return "invite_code";
  return digits < 7 ? "phone_prefix" : "phone";
}

function search(wanted, looked, go) {
  const text = h("input", {
    type: "search",
    name: "text",
    "aria-label": t("search"),
    placeholder: t("search"),
    value: wanted.phone ?? wanted.phone_prefix ?? wanted.invite_code ?? "",
    "aria-keyshortcuts": "/",
    autocomplete: "off",
    spellcheck: "false",
  });
  const any = ["", t("any")];
  const role = select(
    [any, ...["user", "moderator", "admin"].map((role) => [role, t(`role_${role}`)])],
    wanted.role ?? "",
    { name: "role" },
  );
  const status = select(
    [any, ...["active", "banned"].map((status) => [status, t(`status_${status}`)])],
    wanted.status ?? "",
    { name: "status" },
  );
  const of = select([any, ...countries()], wanted.country ?? "", { name: "country" });
  const since = h("input", { type: "date", name: "created_on", value: wanted.created_on ?? "" });
  const find = () => {
    const query = new URLSearchParams();
    const typed = text.value.trim();
    const as = typed && typedAs(typed);
    if (as === "id") {
      go(address(typed.toLowerCase()));
      return;
    }
    if (as) query.set(as, typed);
    for (const control of [of, since, role, status]) if (control.value) query.set(control.name, control.value);
    const hash = query.size ? `#/users?${query}` : "#/users";
    forget();
    go(hash);
  };
  const labelled = (name, control) => h("label", { class: "inline" }, h("span", {}, name), control);
  return h(
    "form",
    {
      role: "search",
      class: "search",
      onsubmit: (event) => {
        event.preventDefault();
        find();
      },
    },
    text,
    labelled(t("country"), of),
    labelled(t("signed_up"), since),
    labelled(t("role"), role),
    labelled(t("status"), status),
    h("button", { type: "submit", class: "primary" }, t("find")),
    looked && h("button", { type: "button", class: "quiet", onclick: () => go("#/users") }, t("clear")),
  );
}

/** All countries by name, and none. */
function countries() {
  const named = [...REGIONS, "none"].map((code) => [code, country(code)]);
  return named.sort(([, one], [, other]) => one.localeCompare(other));
}

function empty(looked) {
  return h(
    "div",
    { class: "empty" },
    icon("M15.5 15.5 21 21M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14"),
    h("h2", {}, t(looked ? "none_found" : "no_users")),
    h("p", {}, t(looked ? "none_found_text" : "no_users_text")),
  );
}

/** What stands in which column. Each row says it by itself to whoever hears it. */
function heads() {
  return h(
    "div",
    { class: "heads row", "aria-hidden": "true" },
    h("span", { class: "who" }, t("phone")),
    h("span", { class: "code" }, t("invite")),
    h("span", { class: "badges" }, t("role_and_status")),
    h("span", { class: "when" }, t("signed_up")),
  );
}

function row(user, me) {
  const about = [user.email, user.city].filter(Boolean).join(" · ");
  return h(
    "li",
    {},
    h(
      "a",
      { class: "row", href: address(user.id) },
      portrait(user),
      h(
        "span",
        { class: "who" },
        h("span", { class: "phone" }, user.phone),
        about && h("span", { class: "muted about" }, about),
      ),
      h("span", { class: "mono code" }, h("span", { class: "unseen" }, `${t("invite_code_is")} `), user.invite_code),
      h("span", { class: "badges" }, badges(user, me)),
      h(
        "span",
        { class: "muted when", title: time(user.created_at) },
        h("span", { class: "unseen" }, `${t("signed_up_on")} `),
        ago(user.created_at),
      ),
    ),
    h(
      "span",
      { class: "copies" },
      copy(user.phone, t("copy_phone", { phone: user.phone })),
      copy(user.id, t("copy_id_of", { phone: user.phone })),
    ),
  );
}

/** Role and status, where they are not what most have. */
export function badges(user, me) {
  return [
    user.id === me.id && h("span", { class: "badge you" }, t("you")),
    user.role !== "user" && h("span", { class: `badge ${user.role}` }, t(`role_${user.role}`)),
    user.status === "banned" && h("span", { class: "badge banned" }, t("status_banned")),
  ];
}

/** The picture, or a place where one would be. */
export function portrait(user) {
  const address = api.avatar(user.avatar_url);
  const nobody = h("span", { class: "portrait" }, icon("M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5M5 20c.6-3.5 3.4-5.25 7-5.25s6.4 1.75 7 5.25"));
  if (!address) return nobody;
  const picture = h("img", { class: "portrait", src: address, alt: "", loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(nobody));
  return picture;
}
