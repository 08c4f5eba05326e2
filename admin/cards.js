// The parts of a page: how they are filled, and what is done in them.

import { h } from "./dom.js";
import { during, inTurn, notice, once } from "./feedback.js";

/** A part of the page; `build(place)` puts into it what it holds. */
export function card(name, build) {
  const place = h("div", { class: "stack tight" });
  const heading = h("h2", { tabindex: "-1" }, name);
  build(place);
  return h("section", { class: "card" }, heading, place);
}

/** Where the keyboard goes on after what had the focus is no more. */
export function focus(place) {
  place?.closest("section")?.querySelector("h2").focus();
}

/** Does `work` by a button of `place`, in its turn, or says there why not. */
export async function attempt(button, place, work) {
  place.querySelector(":scope > .notice")?.remove();
  await once(button, async () => {
    try {
      await inTurn(work);
    } catch (failure) {
      if (!failure.code) throw failure;
      place.append(notice(failure));
    }
  });
}

/** Fills `place` with what `ask` brings, or says why not. */
export async function loaded(place, signal, ask, draw) {
  place.replaceChildren(h("div", { class: "skeleton row", "aria-hidden": "true" }));
  try {
    draw(await during(ask()));
  } catch (failure) {
    if (!signal.aborted) place.replaceChildren(notice(failure, () => loaded(place, signal, ask, draw)));
  }
}
