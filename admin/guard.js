// The guard against pumping: what the day took of its texts, and where texts are
// short or paused. An admin opens a place.

import * as api from "./api.js";
import { h, icon, svg } from "./dom.js";
import { ask, during, paged, refresh, say } from "./feedback.js";
import { country, number, t, time } from "./words.js";

export function guard({ me, signal, go }) {
  const top = h("div", { class: "charts" }, [0, 1, 2].map(() => h("div", { class: "card chart skeleton", "aria-hidden": "true" })));
  const heading = h("h2", { tabindex: "-1" }, t("places"));
  let begun = false;

  const read = async (asked) => {
    try {
      const page = await api.guard(asked, signal);
      if (!begun) top.replaceChildren(...figures(page));
      begun = true;
      return page;
    } catch (failure) {
      if (!begun && !signal.aborted) top.replaceChildren();
      throw failure;
    }
  };
  const draw = (one) => line(one, me.role === "admin" && open);
  const { list, foot, more, end } = paged({ read, draw, key: ({ place }) => place, none: nothing, signal });

  const open = async (place, row) => {
    const name = named(place);
    const done = await ask({
      title: t("open_title", { place: name }),
      text: t("open_text"),
      action: t("open"),
      run: () => api.openPlace(place.place),
    });
    if (!done) return;
    row.remove();
    end();
    heading.focus();
    say(t("opened", { place: name }));
  };

  const again = refresh(() => go(location.hash));
  during(more());
  return {
    title: t("guard"),
    content: h(
      "div",
      { class: "stack" },
      h("div", { class: "bar" }, h("h1", { tabindex: "-1" }, t("guard")), again),
      h("section", { "aria-label": t("texts_today") }, top),
      h("section", { class: "card" }, heading, h("div", { class: "stack tight" }, list, foot)),
    ),
  };
}

/** What the day took of its texts; above it, where that is so, that the guard is off. */
export function figures({ is_on, texts }) {
  const cards = [
    figure(t("texts_today"), texts.sent, texts.most),
    figure(t("texts_to_strangers"), texts.to_strangers, texts.most_to_strangers),
    figure(t("texts_by_proof"), texts.by_proof, texts.most_by_proof),
  ];
  return is_on ? cards : [h("p", { class: "card wide" }, t("guard_off")), ...cards];
}

/** How much of how much; where nothing is limited there is nothing to compare with. */
function figure(name, sent, most) {
  const isLimited = most > 0;
  const share =
    isLimited &&
    svg(
      "svg",
      { class: "share", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "none", width: 100, height: 1 }),
      svg("rect", { class: "taken", width: Math.min(100, (100 * sent) / most), height: 1 }),
    );
  return h(
    "div",
    { class: "card chart" },
    h(
      "div",
      {},
      h("h2", {}, name),
      h("p", { class: "figure" }, h("strong", {}, number(sent)), h("span", {}, isLimited ? t("of_most", { most }) : t("no_limit"))),
    ),
    share,
  );
}

function named({ width, of }) {
  return width === "country" ? country(of) : `${of}…`;
}

/** A place that is short, in words. */
export function place(short) {
  const { width, state, reason, texts_left, proofs_left, texts_sent, opens_at } = short;
  const left = [
    t("place_left", { count: texts_left }),
    ...(width === "block"
      ? [t("place_proofs", { count: proofs_left }), t("place_sent", { count: texts_sent })]
      : []),
  ];
  return h(
    "div",
    { class: "place", tabindex: "-1" },
    h(
      "p",
      { class: "device" },
      h("span", { class: "phone" }, named(short)),
      h("span", { class: `badge ${state === "paused" ? "banned" : "short"}` }, t(`state_${state}`)),
    ),
    h("p", { class: "muted" }, `${t(`width_${width}`)}. ${t(`reason_${reason}`)}`),
    h("p", { class: "muted" }, [...left, t("place_opens", { when: time(opens_at) })].join(" · ")),
  );
}

function line(short, open) {
  const button =
    open &&
    h(
      "button",
      { type: "button", class: "quiet", "aria-label": t("open_place", { place: named(short) }), onclick: () => open(short, row) },
      t("open"),
    );
  const row = h("li", {}, place(short), button);
  return row;
}

function nothing() {
  return h(
    "div",
    { class: "empty" },
    icon("M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2.5 2.5L16 10"),
    h("p", {}, t("no_places")),
  );
}
