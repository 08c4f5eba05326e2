// The texts, as a phone shows them: a thread for each number, the newest first, and of many
// the newest alone. Asks each second; an answer that holds nothing new is empty (304).

const EVERY = 1_000;
const COPIED = 1_500;
/** How many texts are shown, how many come by "Show more", and how many at most. */
const [AT_FIRST, MORE, MOST] = [100, 100, 500];

const threads = document.getElementById("threads");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const news = document.getElementById("news");

const finding = document.getElementById("finding");
const number = document.getElementById("number");
const more = document.getElementById("more");
const count = document.getElementById("count");
const older = document.getElementById("older");
const nobody = document.getElementById("nobody");
const sure = document.getElementById("sure");

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const counted = new Intl.NumberFormat();

let limit = AT_FIRST;
let tag = null;
let known = null;
let unread = 0;
let next;
let asking;

function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function time(text) {
  const date = new Date(text.sent_at);
  const style = date.toDateString() === new Date().toDateString() ? clock : calendar;
  return h("time", { datetime: text.sent_at }, style.format(date));
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
  const about = h("div", { class: "about" }, time(text));
  if (text.is_live) {
    const button = copying(text.code, null, h("strong", {}, text.code), " ");
    button.dataset.of = key(text);
    about.prepend(button);
  } else if (text.code) {
    about.append(h("span", {}, "This code can no longer be entered"));
  }
  const classes = [...(isNew ? ["new"] : []), ...(text.code && !text.is_live ? ["over"] : [])];
  return h("li", { class: classes.join(" ") }, h("p", { class: "bubble" }, text.body), about);
}

function thread(to, texts, fresh) {
  const [latest, ...earlier] = texts.map((text) => message(text, fresh.includes(text)));
  const heading = h("h2", { tabindex: "-1", "data-of": to }, to);
  const section = h("section", {}, heading, h("ul", {}, latest));
  if (earlier.length > 0) {
    const open = document.querySelector(`details[data-number="${CSS.escape(to)}"]`)?.open;
    const summary = h("summary", { "data-of": `${to} earlier` }, `${earlier.length} earlier`);
    const details = h("details", { "data-number": to }, summary, h("ul", {}, ...earlier));
    details.open = Boolean(open);
    section.append(details);
  }
  return section;
}

function key(text) {
  return `${text.sent_at} ${text.to} ${text.body}`;
}

function show(texts, total) {
  const fresh = known === null ? [] : texts.filter((text) => !known.has(key(text)));
  known = new Set(texts.map(key));
  const byNumber = Map.groupBy(texts.toReversed(), ({ to }) => to);
  const focused = threads.contains(document.activeElement) ? document.activeElement.dataset.of : null;
  threads.replaceChildren(...[...byNumber].map(([to, of]) => thread(to, of, fresh)));
  if (focused) refocus(focused);

  const isFiltered = number.value.trim() !== "";
  empty.hidden = texts.length > 0 || isFiltered;
  nobody.hidden = texts.length > 0 || !isFiltered;
  finding.hidden = !empty.hidden;
  more.hidden = total <= texts.length;
  older.hidden = limit >= MOST;
  const rest = older.hidden ? " A number finds the others." : "";
  count.textContent = `The newest ${counted.format(texts.length)} of ${counted.format(total)} texts.${rest}`;

  if (fresh.length === 0) return;
  const last = fresh.at(-1);
  news.textContent = `A text to ${last.to}: ${last.body}`;
  if (document.hidden) unread += fresh.length;
  entitle();
}

/** What had the keyboard has it again; in the place of a button that is gone its thread. */
function refocus(focused) {
  const of = (key) => threads.querySelector(`[data-of="${CSS.escape(key)}"]`);
  const thread = focused.split(" ").find((part) => part.startsWith("+"));
  (of(focused) ?? of(thread) ?? number).focus();
}

function entitle() {
  document.title = `${unread > 0 ? `(${unread}) ` : ""}Inbox · Latchkey`;
}

async function look() {
  const mine = (asking = new AbortController());
  try {
    const query = new URLSearchParams({ limit, number: number.value });
    const answer = await fetch(`local/messages?${query}`, {
      headers: tag ? { "if-none-match": tag } : {},
      cache: "no-store",
      signal: AbortSignal.any([mine.signal, AbortSignal.timeout(10_000)]),
    });
    if (answer.ok) {
      const texts = await answer.json();
      tag = answer.headers.get("etag");
      show(texts, Number(answer.headers.get("x-total-count")));
    } else if (answer.status !== 304) {
      throw new Error(answer.statusText);
    }
    state.textContent = "Live";
    state.className = "live";
  } catch {
    // Somebody else asks by now.
    if (mine.signal.aborted) return;
    state.textContent = "The gateway does not answer. Waiting for it.";
    state.className = "";
  }
  next = setTimeout(look, EVERY);
}

/** Asks at once, for other texts than before: none of them is news. */
function lookAnew() {
  clearTimeout(next);
  asking?.abort();
  [tag, known] = [null, null];
  return look();
}

number.addEventListener("input", () => {
  limit = AT_FIRST;
  lookAnew();
});
finding.addEventListener("submit", (event) => event.preventDefault());
older.addEventListener("click", async () => {
  limit = Math.min(limit + MORE, MOST);
  await lookAnew();
  news.textContent = count.textContent;
  if (older.hidden) number.focus();
});
document.getElementById("everybody").addEventListener("click", () => {
  number.value = "";
  number.focus();
  lookAnew();
});
document.getElementById("emptying").addEventListener("click", () => sure.showModal());
sure.addEventListener("close", async () => {
  if (sure.returnValue !== "yes") return;
  sure.returnValue = "";
  try {
    const answer = await fetch("local/messages", { method: "DELETE" });
    if (!answer.ok) throw new Error(answer.statusText);
    number.value = "";
    limit = AT_FIRST;
    await lookAnew();
    news.textContent = "The inbox is empty";
    document.querySelector(".try button").focus();
  } catch {
    news.textContent = "The inbox could not be emptied";
  }
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  entitle();
});

const curl = `curl ${location.origin}/v1/auth/code --json '{"phone": "+79000000001"}'`;
document.getElementById("curl").textContent = curl;
document.querySelector(".try").append(copying(curl, "Copy the command"));
look();
