// The sums at the top of the list: what happened per day.

import * as api from "./api.js";
import { h, select, svg } from "./dom.js";
import { during, notice } from "./feedback.js";
import { day, number, percent, t } from "./words.js";

const WIDTH = 300;
const HEIGHT = 64;
const PERIODS = [7, 30, 90];

let period = 30;

/** All three, and the choice of their period. */
export function charts(signal) {
  const cards = h("div", { class: "charts" }, skeletons());
  const load = async () => {
    try {
      const { items } = await during(api.stats(period, signal));
      cards.replaceChildren(...drawn(items.reverse()));
    } catch (failure) {
      if (!signal.aborted) cards.replaceChildren(notice(failure, load));
    }
  };
  const choice = select(
    PERIODS.map((days) => [String(days), t("days_count", { count: days })]),
    String(period),
    { "aria-label": t("days"), class: "small" },
  );
  choice.addEventListener("change", () => {
    period = Number(choice.value);
    load();
  });
  load();
  return { choice, cards: h("section", { "aria-label": t("numbers") }, cards) };
}

function skeletons() {
  return [0, 1, 2].map(() => h("div", { class: "card chart skeleton", "aria-hidden": "true" }));
}

function drawn(days) {
  const texted = sum(days, "codes_texted");
  const entered = sum(days, "codes_entered");
  const last = days.at(-1);
  return [
    counted(t("sign_ups"), days, "sign_ups"),
    card(
      t("codes"),
      // Texts of a day may be entered on the next: never more than all.
      texted > 0 ? percent(Math.min(1, entered / texted)) : "–",
      texted > 0 ? `${number(entered)} / ${number(texted)}` : t("no_codes"),
      bars(days, ["codes_texted", "codes_entered"], {
        label: t("chart_codes", {
          days: t("days_count", { count: days.length }),
          texted,
          entered,
          texted_today: last.codes_texted,
          entered_today: last.codes_entered,
        }),
        name: (one) =>
          `${day(one.date)}: ${number(one.codes_texted)} ${t("texted")}, ${number(one.codes_entered)} ${t("entered")}`,
      }),
      h(
        "p",
        { class: "legend" },
        h("span", { class: "key codes_texted" }),
        t("texted"),
        h("span", { class: "key codes_entered" }),
        t("entered"),
      ),
    ),
    counted(t("referrals"), days, "referrals"),
  ];
}

function counted(name, days, key) {
  const total = sum(days, key);
  const most = days.reduce((most, one) => (one[key] > most[key] ? one : most));
  const today = days.at(-1)[key];
  const label = t("chart", {
    name,
    days: t("days_count", { count: days.length }),
    total,
    most: most[key],
    day: day(most.date),
    today,
  });
  return card(
    name,
    number(total),
    t("today", { count: today }),
    bars(days, [key], { label, name: (one) => `${day(one.date)}: ${number(one[key])}` }),
    h("p", { class: "legend ends" }, h("span", {}, short(days[0].date)), h("span", {}, short(days.at(-1).date))),
  );
}

function short(date) {
  return day(date, { day: "numeric", month: "short" });
}

function sum(days, key) {
  return days.reduce((sum, one) => sum + one[key], 0);
}

function card(name, figure, beside, drawing, legend) {
  return h(
    "div",
    { class: "card chart" },
    h(
      "div",
      {},
      h("h2", {}, name),
      h("p", { class: "figure" }, h("strong", {}, figure), " ", h("span", {}, beside)),
    ),
    drawing,
    legend,
  );
}

/** Bars per day, those of several keys one before the other. */
function bars(days, keys, { label, name }) {
  const most = Math.max(1, ...days.flatMap((one) => keys.map((key) => one[key])));
  const step = WIDTH / days.length;
  const width = Math.max(1, step - Math.min(4, step * 0.3));
  return svg(
    "svg",
    { class: "bars", role: "img", "aria-label": label, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" },
    days.map((one, index) =>
      svg(
        "g",
        {},
        svg("title", {}, name(one)),
        // The whole column answers the pointer, however low its bars.
        svg("rect", { class: "column", x: index * step, y: 0, width: step, height: HEIGHT }),
        keys.map((key) => {
          const height = one[key] > 0 ? Math.max(2, (one[key] / most) * (HEIGHT - 2)) : 1;
          const shown = one[key] > 0 ? key : "none";
          return svg("rect", { class: shown, x: index * step, y: HEIGHT - height, width, height });
        }),
      ),
    ),
  );
}
