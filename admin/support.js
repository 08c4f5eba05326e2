// "I get no code": what is known of a number, what became of its texts, and what holds it
// up. An admin lifts that.

import * as api from "./api.js";
import { h } from "./dom.js";
import { ask, during, notice, say } from "./feedback.js";
import { figures, place } from "./guard.js";
import { address, badges } from "./users.js";
import { country, number, t, time } from "./words.js";

/** The number that was looked up last. It is no part of the address, which browsers keep. */
let typed = "";

/** The number that the page begins with. */
export function lookFor(phone) {
  typed = phone;
}

/** Nothing of it is kept for the next who signs in. */
export function forget() {
  typed = "";
}

export function support({ me, signal }) {
  const found = h("div", { class: "stack", "aria-live": "polite" });
  const text = h("input", {
    type: "tel",
    name: "phone",
    "aria-label": t("phone"),
    placeholder: t("phone"),
    value: typed,
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });

  const look = async () => {
    typed = text.value.trim();
    if (!typed) return;
    found.replaceChildren(h("div", { class: "card skeleton tall", "aria-hidden": "true" }));
    try {
      show(await during(api.lookUpPhone(typed, signal)));
    } catch (failure) {
      if (!signal.aborted) found.replaceChildren(notice(failure, failure.isLost ? look : null));
    }
  };

  const show = (report) => {
    const isHeld = report.registers.some(({ limits }) => limits.length > 0);
    const heading = h("h2", { tabindex: "-1", class: "phone" }, report.phone);
    const lift = async () => {
      const done = await ask({
        title: t("lift_title", { phone: report.phone }),
        text: t("lift_text"),
        action: t("lift"),
        run: () => api.liftLimits(report.phone),
      });
      if (!done) return;
      await look();
      found.querySelector("h2")?.focus();
      say(t("lifted", { phone: report.phone }));
    };
    found.replaceChildren(
      h(
        "section",
        { class: "card" },
        heading,
        h("dl", {}, facts(report, me).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
        isHeld &&
          me.role === "admin" &&
          h("div", { class: "actions start" }, h("button", { type: "button", onclick: lift }, t("lift"))),
      ),
      h("div", { class: "columns" }, report.registers.map(register)),
      report.places.length > 0 && places(report.places),
      h("section", { class: "charts", "aria-label": t("texts_today") }, figures({ is_on: true, texts: report.texts_of_day })),
    );
  };

  if (typed) look();
  return {
    title: t("support"),
    content: h(
      "div",
      { class: "stack" },
      h("div", { class: "bar" }, h("h1", { tabindex: "-1" }, t("support"))),
      h("p", { class: "muted" }, t("support_text")),
      h(
        "form",
        {
          role: "search",
          class: "search",
          onsubmit: (event) => {
            event.preventDefault();
            look();
          },
        },
        text,
        h("button", { type: "submit", class: "primary" }, t("find")),
      ),
      found,
    ),
  };
}

function facts({ phone, country: of, kind, is_test, refusal, account, registers, places }, me) {
  const holds = registers.flatMap(({ register, limits }) => limits.map((limit) => ({ register, ...limit })));
  return [
    [t("answer"), verdict({ is_test, refusal, holds, places })],
    [t("country"), of ? country(of) : t("no_country")],
    [t("phone_kind"), t(`kind_${kind}`)],
    [
      t("account"),
      account ? [h("a", { href: address(account.id) }, t("see_account")), " ", h("span", { class: "badges" }, badges(account, me).filter(Boolean))] : t("no_account"),
    ],
    [t("user_id"), account ? h("span", { class: "mono small" }, account.id) : "–"],
  ].filter(([, value]) => value && phone);
}

/** One answer, before all that speaks for it. */
function verdict({ is_test, refusal, holds, places }) {
  if (is_test) return t("verdict_test");
  if (refusal) return t(`verdict_${refusal}`);
  const strangers = holds.filter(({ register, limit }) => register === "strangers" && limit !== "guesses");
  const until = strangers.map((hold) => hold.until).sort().pop();
  if (until) return t("verdict_held", { until: time(until) });
  if (places.some(({ state }) => state === "paused")) return t("verdict_paused");
  if (places.length > 0) return t("verdict_proof");
  return t("verdict_free");
}

function register({ register, texts, code_expires_at, wrong_guesses, limits }) {
  const lines = [
    ...limits.map(({ limit, until }) =>
      h("li", {}, h("span", {}, t(`limit_${limit}`)), h("span", { class: "muted" }, t("holds_until", { until: time(until) }))),
    ),
    code_expires_at && h("li", {}, h("span", {}, t("live_code")), h("span", { class: "muted" }, t("good_until", { until: time(code_expires_at) }))),
    wrong_guesses > 0 && h("li", {}, h("span", {}, t("wrong_guesses")), h("span", { class: "muted" }, number(wrong_guesses))),
  ].filter(Boolean);
  const history = texts.map(({ asked_at, outcome, reason }) =>
    h(
      "li",
      {},
      h("time", { datetime: asked_at }, time(asked_at)),
      h(
        "span",
        {},
        h("span", { class: `badge ${{ refused: "banned", entered: "live" }[outcome] ?? ""}` }, t(`outcome_${outcome}`)),
        reason && h("span", { class: "muted" }, ` ${t(`refused_${reason}`)}`),
      ),
    ),
  );
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t(`register_${register}`)),
    h(
      "div",
      { class: "stack tight" },
      lines.length > 0 ? h("ul", { class: "lines" }, lines) : h("p", { class: "muted" }, t("nothing_holds")),
      h("h3", {}, t("texts_last")),
      history.length > 0 ? h("ol", { class: "lines" }, history) : h("p", { class: "muted" }, t("texts_none")),
    ),
  );
}

function places(short) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("places")),
    h("ul", { class: "lines" }, short.map((one) => h("li", {}, place(one)))),
    h("p", {}, h("a", { href: "#/guard" }, t("see_guard"))),
  );
}
