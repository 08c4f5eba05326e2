// How the panel tells that it works, that it is done, that it failed; and how it
// asks before it does what cannot be undone.

import { field, h, icon, id } from "./dom.js";
import { explained, t } from "./words.js";

let waiting = 0;

function wait(change) {
  waiting += change;
  document.body.classList.toggle("is-busy", waiting > 0);
  document.querySelector("main")?.setAttribute("aria-busy", waiting > 0);
}

/** Shows that something is under way until `promise` is settled. */
export async function during(promise) {
  wait(1);
  try {
    return await promise;
  } finally {
    wait(-1);
  }
}

/**
 * Does `work` once, however often `button` is pressed meanwhile. The button is
 * not `disabled`: that would take the focus away from whoever pressed it.
 */
export async function once(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await during(work());
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

let before = Promise.resolve();

/**
 * Does `work` once all that was asked for before it is done: of two changes the
 * later one is then made, and shown, last.
 */
export function inTurn(work) {
  const done = before.then(work);
  before = done.catch(() => {});
  return done;
}

/** A button that shows a page anew. */
export function refresh(onclick) {
  const drawing = icon("M20 12a8 8 0 1 1-2.5-5.8M20 3v4.5h-4.5");
  return h("button", { type: "button", class: "quiet", "aria-label": t("refresh"), title: t("refresh"), onclick }, drawing);
}

/** A button that copies `text`; none over plain HTTP from another machine, where there is no clipboard. */
export function copy(text, name) {
  if (!navigator.clipboard) return null;
  const run = async () => {
    await navigator.clipboard.writeText(text);
    say(t("copied", { text }));
  };
  const drawing = icon("M9 9h10v11H9zM5 15V4h10");
  return h("button", { type: "button", class: "quiet small copy", "aria-label": name, title: name, onclick: run }, drawing);
}

let hiding;

/** Says what was done, also to a screen reader. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => (said.textContent = ""), 6_000);
}

/** Why something failed; `retry` does it again, no sooner than the API asks. */
export function notice(failure, retry) {
  const button =
    retry && h("button", { type: "button", class: "quiet", onclick: () => once(button, async () => retry()) });
  if (button) countDown(button, failure.retryAfter, t("retry"), "retry_in");
  const { request_id } = failure.problem;
  return h(
    "div",
    { class: "notice", role: "alert" },
    h("p", {}, explained(button ? { ...failure, retryAfter: null } : failure)),
    failure.status >= 500 && request_id && h("p", { class: "hint mono" }, request_id),
    button,
  );
}

/**
 * A button that does `more`, which answers how much it put into `list`; then the
 * focus goes to the next such button in `foot`, or to the first of what came.
 */
export function showMore(more, { list, foot, ...attributes }) {
  const button = h(
    "button",
    {
      type: "button",
      ...attributes,
      onclick: () =>
        once(button, async () => {
          const added = await more();
          say(t("added", { count: added }));
          (foot.querySelector("button") ?? list.children[list.children.length - added]?.firstChild)?.focus();
        }),
    },
    t("show_more"),
  );
  return button;
}

const PAGE = 50;

// A page may be short or empty: so many are asked for until there is something to show.
const SHORT_PAGES = 12;
const ENOUGH = 20;

/**
 * A list that is read page by page, and its foot. `read({ limit, cursor })` answers a page, `draw(item)` a row, `key(item)`
 * what tells items apart, `none()` what an empty list says. `more` answers how much came; `end` draws the foot anew.
 */
export function paged({ read, draw, key, none, signal }) {
  const list = h("ul", { class: "lines" });
  const foot = h("div", { class: "foot" });
  const known = new Set();
  let cursor = null;

  const more = async () => {
    foot.replaceChildren();
    let added = 0;
    try {
      for (let pages = 0; pages < SHORT_PAGES && added < ENOUGH; pages += 1) {
        const page = await read({ limit: PAGE, cursor });
        cursor = page.cursor;
        const fresh = page.items.filter((item) => !known.has(key(item)));
        fresh.forEach((item) => known.add(key(item)));
        list.append(...fresh.map((item) => draw(item)));
        added += fresh.length;
        if (cursor === null) break;
      }
      end();
    } catch (failure) {
      if (!signal.aborted) foot.replaceChildren(notice(failure, more));
    }
    return added;
  };

  const end = () => {
    const count = list.children.length;
    if (cursor !== null) foot.replaceChildren(h("p", { class: "muted" }, t("shown", { count })), showMore(more, { list, foot }));
    else foot.replaceChildren(count > 0 ? h("p", { class: "muted" }, t("shown_all", { count })) : none());
  };

  return { list, foot, more, end };
}

/** A button that can be pressed after `seconds`, and says so till then. */
export function countDown(button, seconds, name, waitingName) {
  const until = Date.now() + (seconds ?? 0) * 1_000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1_000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? t(waitingName, { seconds: left }) : name;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

/**
 * Asks in a dialog, and does `run` when told to. Stays open, and says why, when
 * that fails. With `typed`, only after that was typed; with `entry`, a field, `run`
 * is told what was entered, which may be nothing where that is `optional`. Answers
 * whether it was done.
 */
export function ask({ title, text, action, danger, typed, entry, run }) {
  return new Promise((resolve) => {
    const heading = h("h2", { id: id() }, title);
    const words = text && h("p", { id: id() }, text);
    const problem = h("div", {});
    const confirm = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
    const { label, optional, ...given } = typed ? { label: t("delete_typed", { phone: typed }), autocapitalize: "off" } : (entry ?? {});
    const input = label && h("input", { ...given, autocomplete: "off", spellcheck: "false" });
    const entered = () => input?.value.trim();
    const matches = () => (typed ? entered() === typed : optional || entered() !== "");
    const allow = () => (confirm.disabled = !matches());
    let done = false;
    let running = false;

    const form = h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          if (!matches()) return;
          once(confirm, async () => {
            running = true;
            problem.replaceChildren();
            try {
              await inTurn(() => run(entered()));
              done = true;
            } catch (failure) {
              problem.replaceChildren(notice(failure));
            }
            running = false;
            if (done) dialog.close();
          });
        },
      },
      heading,
      words,
      input && field(label, input),
      problem,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "quiet", onclick: () => running || dialog.close() }, t("cancel")),
        confirm,
      ),
    );
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": heading.id,
        "aria-describedby": words?.id,
        // Not while it is under way: its outcome must be seen.
        oncancel: (event) => running && event.preventDefault(),
        onclose: () => {
          dialog.remove();
          resolve(done);
        },
      },
      form,
    );
    input?.addEventListener("input", allow);
    allow();
    document.body.append(dialog);
    dialog.showModal();
  });
}
