// A person's passkeys; and the offer of the first one.

import * as api from "./api.js";
import { attempt, focus, loaded } from "./cards.js";
import { h } from "./dom.js";
import { ask, say } from "./feedback.js";
import { addPasskey, hasPasskeys, lacksPasskey } from "./webauthn.js";
import { ago, t, time } from "./words.js";

const DECLINED = "latchkey.passkey_declined";

/** Whether to offer a passkey to whoever signed in just now by a text. */
export async function isOfferDue() {
  return localStorage.getItem(DECLINED) === null && (await lacksPasskey());
}

/** The offer of a passkey; `settle()` is told once it was taken or turned down. */
export function offer(settle) {
  const text = h("p", {}, t("passkey_offer"));
  const add = h(
    "button",
    {
      type: "button",
      onclick: () =>
        attempt(add, place, async () => {
          if (!(await addPasskey())) return;
          settle();
          say(t("passkey_added"));
        }),
    },
    t("add_passkey"),
  );
  const decline = () => {
    localStorage.setItem(DECLINED, "true");
    settle();
  };
  const later = h("button", { type: "button", class: "quiet", onclick: decline }, t("not_now"));
  const place = h("aside", { class: "offer", "aria-label": t("add_passkey") }, text, h("div", { class: "actions" }, later, add));
  return place;
}

/** The passkeys of `id`; one's own are renamed, and more are added. `removed()` is told of each that is no more. */
export function passkeys(place, { id, isOwn, signal, removed }) {
  let items = [];
  const add = () => {
    const button = h(
      "button",
      {
        type: "button",
        onclick: () =>
          attempt(button, place, async () => {
            const made = await addPasskey();
            if (!made) return;
            change([made, ...items]);
            say(t("passkey_added"));
          }),
      },
      t("add_passkey"),
    );
    return h("div", { class: "actions start" }, button);
  };
  const draw = () => {
    const rows = items.map((passkey) =>
      row(passkey, {
        id,
        isOwn,
        renamed: (now) => change(items.map((one) => (one === passkey ? now : one))),
        removed: () => {
          change(items.filter((one) => one !== passkey));
          removed();
        },
      }),
    );
    const list = rows.length > 0 ? h("ul", { class: "lines" }, rows) : h("p", { class: "muted" }, t("passkeys_none"));
    place.replaceChildren(list, ...(isOwn && hasPasskeys() ? [add()] : []));
  };
  const change = (now) => {
    items = now;
    draw();
    focus(place);
  };
  loaded(place, signal, () => api.listPasskeys(id, signal), (page) => {
    items = page.items;
    draw();
  });
}

function row(passkey, { id, isOwn, renamed, removed }) {
  const name = passkey.name ?? t("passkey_unnamed");
  const rename = async () => {
    let now;
    const done = await ask({
      title: t("passkey_rename_title"),
      action: t("save"),
      entry: { label: t("passkey_name"), value: passkey.name ?? "", maxlength: 64 },
      run: async (entered) => (now = await api.renamePasskey(passkey.id, entered)),
    });
    if (!done) return;
    renamed(now);
    say(t("passkey_renamed", { name: now.name }));
  };
  const remove = async () => {
    const done = await ask({
      title: t("passkey_remove_title", { name }),
      text: t("passkey_remove_text"),
      action: t("remove"),
      danger: true,
      run: () => api.removePasskey(id, passkey.id),
    });
    if (!done) return;
    removed();
    say(t("passkey_removed", { name }));
  };
  const used = passkey.last_used_at;
  const times = [
    t("passkey_added_on", { when: ago(passkey.created_at) }),
    used === null ? t("passkey_unused") : t("passkey_used", { when: ago(used) }),
  ];
  const exactly = [passkey.created_at, used].filter(Boolean).map(time);
  const button = (text, label, onclick) => h("button", { type: "button", class: "quiet", "aria-label": label, onclick }, text);
  return h(
    "li",
    { class: "wraps" },
    h(
      "div",
      { class: "who" },
      h("span", { class: "device" }, name, passkey.synced && h("span", { class: "badge" }, t("passkey_synced"))),
      h("span", { class: "muted", title: exactly.join(" – ") }, times.join(" · ")),
    ),
    h(
      "div",
      { class: "actions" },
      isOwn && button(t("rename"), t("rename_of", { name }), rename),
      button(t("remove"), t("remove_of", { name }), remove),
    ),
  );
}
