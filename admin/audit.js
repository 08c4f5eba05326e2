// The audit trail: who did what to whom, newest first; all of it, or of one day,
// one person, one admin. And what was done to one person, on that one's page.

import * as api from "./api.js";
import { field, h } from "./dom.js";
import { during, paged, refresh } from "./feedback.js";
import { address } from "./users.js";
import { ago, t, time } from "./words.js";

export function audit({ me, query, signal, go }) {
  const wanted = { target: query.get("target"), actor: query.get("actor"), day: query.get("day") };
  const looked = Object.values(wanted).some(Boolean);
  const { list, foot, more } = entries(wanted, { me, looked, signal });
  const again = refresh(() => go(location.hash));
  during(more());
  return {
    title: t("audit"),
    content: h(
      "div",
      { class: "stack" },
      h("div", { class: "bar" }, h("h1", { tabindex: "-1" }, t("audit")), again),
      find(wanted, looked, go),
      h("section", { class: "card", "aria-label": t("audit") }, h("div", { class: "stack tight" }, list, foot)),
    ),
  };
}

/** What was done to one person, in a card of that one's page. */
export function auditOf(place, { me, id, signal }) {
  const { list, foot, more } = entries({ target: id }, { me, signal });
  place.replaceChildren(list, foot);
  during(more());
}

function entries(wanted, { me, looked = true, signal }) {
  return paged({
    read: (page) => api.listAudit({ ...wanted, ...page }, signal),
    draw: (entry) => line(entry, wanted, me),
    key: ({ id }) => id,
    none: () => h("p", { class: "muted" }, t(looked ? "audit_none_found" : "audit_none")),
    signal,
  });
}

function find(wanted, looked, go) {
  const text = (name) =>
    h("input", { type: "text", name, value: wanted[name] ?? "", maxlength: 128, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const fields = { target: text("target"), actor: text("actor"), day: h("input", { type: "date", name: "day", value: wanted.day ?? "" }) };
  const names = { target: t("audit_target"), actor: t("audit_actor"), day: t("audit_day") };
  return h(
    "form",
    {
      role: "search",
      class: "card finds",
      onsubmit: (event) => {
        event.preventDefault();
        const query = new URLSearchParams();
        for (const [name, { value }] of Object.entries(fields)) if (value.trim()) query.set(name, value.trim());
        go(query.size ? `#/audit?${query}` : "#/audit");
      },
    },
    Object.entries(fields).map(([name, control]) => field(names[name], control)),
    h(
      "div",
      { class: "actions start" },
      h("button", { type: "submit", class: "primary" }, t("find")),
      looked && h("button", { type: "button", class: "quiet", onclick: () => go("#/audit") }, t("clear")),
    ),
  );
}

function line(entry, wanted, me) {
  const { action, actor, target, from, to, reason, address: where, at } = entry;
  const change = changed(action, from, to);
  // Whose page it is, and who is looked for, need not be told with each line.
  const whom = target && target !== wanted.target && [`${t("audit_target")}: `, named(target, me)];
  const who = actor !== wanted.actor && [`${t("audit_actor")}: `, named(actor, me)];
  const facts = [whom, who, where].filter(Boolean);
  return h(
    "li",
    {},
    h(
      "div",
      { class: "place entry", tabindex: "-1" },
      h("p", { class: "device" }, h("span", {}, t(`act_${action}`)), h("time", { class: "muted", datetime: at, title: time(at) }, ago(at))),
      change && h("p", { class: "mono small" }, change),
      reason && h("p", {}, t("audit_reason", { reason })),
      facts.map((fact) => h("p", { class: "muted small" }, fact)),
    ),
  );
}

/** What was and what is; of a device or a passkey, which. */
function changed(action, from, to) {
  // What the act says by itself.
  if (action === "banned" || action === "unbanned") return null;
  const shown = (value) => (action === "changed_role" ? t(`role_${value}`) : value);
  if (action === "changed_invite") return `${from ?? t("no_limit")} → ${to ?? t("no_limit")}`;
  if (from !== null && to !== null) return `${shown(from)} → ${shown(to)}`;
  return from ?? to;
}

/** A person is a link; the command line, a place and an HMAC are what they are called. */
function named(id, me) {
  if (id === "cli") return t("command_line");
  if (id === me.id) return h("a", { href: address(id) }, t("you"));
  return /^[0-9a-f]{8}-/.test(id) ? h("a", { href: address(id), class: "mono" }, id) : h("span", { class: "mono" }, id);
}
