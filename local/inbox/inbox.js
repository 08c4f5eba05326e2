// The texts, as a phone shows them: a thread for each number, the newest first.
// Asks each second; an answer that holds nothing new is empty (304).

const EVERY = 1_000;
const COPIED = 1_500;

const threads = document.getElementById("threads");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const news = document.getElementById("news");

let tag = null;
let known = null;
let unread = 0;

function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A code comes first in its text; a text without one is a notice. */
function codeOf(text) {
  return text.body.match(/^\d{4,8}(?!\d)/)?.[0];
}

function time(text) {
  const date = new Date(text.sent_at);
  const today = date.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return h("time", { datetime: text.sent_at }, new Intl.DateTimeFormat(undefined, style).format(date));
}

/** A button that copies `content` and says so. */
function copying(content, name, ...shown) {
  const said = h("span", { class: "said" }, "Copy");
  return h(
    "button",
    {
      type: "button",
      ...(name ? { "aria-label": name } : {}),
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(content);
          said.textContent = "Copied";
          news.textContent = "Copied";
        } catch {
          // Without a clipboard, as over plain HTTP from another machine.
          said.textContent = content;
        }
        setTimeout(() => (said.textContent = "Copy"), COPIED);
      },
    },
    ...shown,
    said,
  );
}

function message(text, isNew) {
  const code = codeOf(text);
  const about = h("div", { class: "about" }, time(text));
  if (code) {
    const button = copying(code, null, h("strong", {}, code), " ");
    button.dataset.of = key(text);
    about.prepend(button);
  }
  return h("li", { class: isNew ? "new" : "" }, h("p", { class: "bubble" }, text.body), about);
}

function thread(number, texts, before) {
  const isNew = (text) => before !== null && !before.has(key(text));
  const [latest, ...older] = texts.map((text) => message(text, isNew(text)));
  const heading = h("h2", {}, number);
  const section = h("section", {}, heading, h("ul", {}, latest));
  if (older.length > 0) {
    const open = document.querySelector(`details[data-number="${CSS.escape(number)}"]`)?.open;
    const details = h(
      "details",
      { "data-number": number },
      h("summary", {}, `${older.length} earlier`),
      h("ul", {}, ...older),
    );
    details.open = Boolean(open);
    section.append(details);
  }
  return section;
}

function key(text) {
  return `${text.sent_at} ${text.to} ${text.body}`;
}

function show(texts) {
  const before = known;
  known = new Set(texts.map(key));
  const byNumber = new Map();
  for (const text of texts.toReversed()) {
    byNumber.set(text.to, [...(byNumber.get(text.to) ?? []), text]);
  }
  const focused = document.activeElement?.dataset.of;
  threads.replaceChildren(...[...byNumber].map(([number, of]) => thread(number, of, before)));
  empty.hidden = texts.length > 0;
  if (focused) threads.querySelector(`[data-of="${CSS.escape(focused)}"]`)?.focus();

  const fresh = before === null ? [] : texts.filter((text) => !before.has(key(text)));
  if (fresh.length === 0) return;
  const last = fresh.at(-1);
  news.textContent = `A text to ${last.to}: ${last.body}`;
  if (document.hidden) unread += fresh.length;
  entitle();
}

function entitle() {
  document.title = `${unread > 0 ? `(${unread}) ` : ""}Inbox · Latchkey`;
}

async function look() {
  try {
    const answer = await fetch("local/messages", {
      headers: tag ? { "if-none-match": tag } : {},
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.ok) {
      tag = answer.headers.get("etag");
      show(await answer.json());
    } else if (answer.status !== 304) {
      throw new Error(answer.statusText);
    }
    state.textContent = "Live";
    state.className = "live";
  } catch {
    state.textContent = "The gateway does not answer. Waiting for it.";
    state.className = "";
  }
  setTimeout(look, EVERY);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  entitle();
});

const curl = `curl ${location.origin}/v1/auth/code --json '{"phone": "+79000000001"}'`;
document.getElementById("curl").textContent = curl;
document.querySelector(".try").append(copying(curl, "Copy the command"));
look();
