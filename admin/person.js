// One person: profile, referrer, referrals, passkeys, sessions; and what an admin may do.

import * as api from "./api.js";
import { auditOf } from "./audit.js";
import { attempt, card, focus, loaded } from "./cards.js";
import { field, h, icon, select } from "./dom.js";
import { ask, copy, during, notice, say, showMore } from "./feedback.js";
import { passkeys } from "./passkeys.js";
import { lookFor } from "./support.js";
import { address, badges, portrait, update } from "./users.js";
import { ago, t, time } from "./words.js";

const PAGE = 20;

export function person({ me, id, signal, go }) {
  const place = h("div", { class: "stack" });
  const heading = h("h1", { tabindex: "-1", class: "phone" }, t("person"));
  // What has the focus stays in its place: all around it is replaced.
  const marks = h("p", { class: "badges" });
  const head = h("div", { class: "head" }, h("span", { class: "portrait" }), h("div", {}, heading, marks));
  const body = h("div", {}, h("div", { class: "card skeleton tall", "aria-hidden": "true" }));
  place.append(
    h("a", { class: "back", href: "#/users" }, icon("M14.5 6 8.5 12l6 6"), t("back")),
    head,
    body,
  );
  const writes = me.role === "admin";

  const load = async () => {
    try {
      show(await during(api.getUser(id, signal)));
      body.replaceChildren(sections());
    } catch (failure) {
      if (!signal.aborted) body.replaceChildren(notice(failure, failure.status === 404 ? null : load));
    }
  };

  let user;

  /** What is known now, here and in the list. */
  const show = (now) => {
    user = now;
    const { role, status, avatar_url, invite_code } = user;
    update(id, { role, status, avatar_url, invite_code });
    heading.textContent = user.phone;
    document.title = `${user.phone} · Latchkey`;
    head.firstChild.replaceWith(portrait(user));
    marks.replaceChildren(...badges(user, me).filter(Boolean));
  };

  const profile = (place) => {
    const draw = () => place.replaceChildren(...about(user, writes && removesAvatar));
    const removesAvatar = (button) =>
      attempt(button, place, async () => {
        show(await api.updateUser(id, { avatar_url: null }));
        draw();
        focus(place);
        say(t("avatar_removed"));
      });
    draw();
  };

  const isOwn = () => user.id === me.id;

  let showSessions = () => {};
  const sessionsCard = (place) => {
    showSessions = () => sessions(place, { id, signal });
    showSessions();
  };
  // With a passkey go the sessions that it began.
  const passkeysCard = (place) => passkeys(place, { id, isOwn: isOwn(), signal, removed: () => showSessions() });

  const sections = () =>
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "stack tight" },
        card(t("about"), profile),
        writes
          ? card(t("invite"), (place) => invite(place, { id, signal, redrawn: (invite_code) => show({ ...user, invite_code }) }))
          : card(t("invite"), (place) => place.append(h("p", { class: "invite-code mono" }, user.invite_code))),
      ),
      h(
        "div",
        { class: "stack tight" },
        (writes || isOwn()) && card(t("passkeys"), passkeysCard),
        writes && card(t("sessions"), sessionsCard),
        writes && card(t("rights"), (place) => rights(place)),
        writes && !isOwn() && card(t("lost_number"), (place) => recovery(place, { id, signal })),
        writes && card(t("audit_of"), (place) => auditOf(place, { me, id, signal })),
        card(t("referrals_title"), (place) => referrals(place, { id, signal, total: user.referrals_count })),
      ),
    );

  const rights = (place) => {
    if (isOwn()) {
      place.append(h("p", { class: "muted" }, t("this_is_you")));
      return;
    }
    const change = async (wanted, said) => {
      show(await api.updateUser(id, wanted));
      body.replaceChildren(sections());
      say(said());
    };
    const role = select(
      ["user", "moderator", "admin"].map((role) => [role, t(`role_${role}`)]),
      user.role,
      { name: "role" },
    );
    const save = h("button", { type: "submit" }, t("save"));
    const said = () => t("role_changed", { role: t(`role_${user.role}`).toLowerCase() });
    const form = h(
      "form",
      {
        class: "beside",
        onsubmit: async (event) => {
          event.preventDefault();
          const wanted = { role: role.value };
          if (wanted.role === user.role) return;
          if (wanted.role === "admin") {
            const done = await ask({
              title: t("admin_title", { phone: user.phone }),
              text: t("admin_text"),
              action: t("make_admin"),
              run: () => change(wanted, said),
            });
            if (done) focus(rightsPlace());
          } else {
            await attempt(save, place, async () => {
              await change(wanted, said);
              focus(rightsPlace());
            });
          }
        },
      },
      field(t("role"), role),
      save,
    );
    const isBanned = user.status === "banned";
    const ban = h(
      "button",
      {
        type: "button",
        onclick: async () => {
          if (isBanned) {
            await attempt(ban, place, async () => {
              await change({ status: "active" }, () => t("unbanned"));
              focus(rightsPlace());
            });
            return;
          }
          const done = await ask({
            title: t("ban_title", { phone: user.phone }),
            text: t("ban_text"),
            action: t("ban"),
            danger: true,
            entry: { label: t("reason"), name: "reason", maxlength: 300, optional: true },
            run: (reason) => change({ status: "banned", ...(reason && { reason }) }, () => t("banned")),
          });
          if (done) focus(rightsPlace());
        },
      },
      t(isBanned ? "unban" : "ban"),
    );
    const remove = h(
      "button",
      {
        type: "button",
        class: "danger quiet",
        onclick: async () => {
          const { phone } = user;
          const done = await ask({
            title: t("delete_title", { phone }),
            text: t("delete_text"),
            action: t("delete"),
            danger: true,
            typed: phone,
            run: () => api.deleteUser(id),
          });
          if (!done) return;
          update(id, null);
          go("#/users");
          say(t("deleted", { phone }));
        },
      },
      t("delete"),
    );
    place.dataset.rights = "";
    place.append(form, h("div", { class: "actions start" }, ban, remove));
  };
  const rightsPlace = () => body.querySelector("[data-rights]");

  load();
  return { title: t("person"), content: place };
}

function about(user, removesAvatar) {
  const referrer = user.referrer
    ? h("a", { href: address(user.referrer.id), class: "phone" }, user.referrer.phone)
    : t(user.activated_invite_code ? "referrer_gone" : "nobody");
  const code = user.activated_invite_code;
  const facts = [
    [t("signed_up"), h("time", { datetime: user.created_at }, time(user.created_at))],
    [t("email"), user.email],
    [t("city"), user.city],
    [t("telegram"), user.telegram_id],
    [t("referrer"), [referrer, code && h("span", { class: "muted" }, ` ${t("entered_code", { code })}`)]],
    [t("user_id"), [h("span", { class: "mono small" }, user.id), copy(user.id, t("copy_id"))]],
    [
      t("phone"),
      [
        h("span", { class: "phone" }, user.phone),
        copy(user.phone, t("copy_phone", { phone: user.phone })),
        h("a", { href: "#/support", onclick: () => lookFor(user.phone) }, t("why_no_code")),
      ],
    ],
  ];
  const remove =
    removesAvatar &&
    user.avatar_url &&
    h("button", { type: "button", class: "quiet", onclick: () => removesAvatar(remove) }, t("remove_avatar"));
  return [
    h(
      "dl",
      {},
      facts.map(([name, value]) =>
        h("div", {}, h("dt", {}, name), h("dd", {}, value ?? h("span", { class: "muted" }, "–"))),
      ),
    ),
    remove,
  ].filter(Boolean);
}

function referrals(place, { id, signal, total }) {
  const list = h("ul", { class: "lines" });
  const foot = h("div", { class: "foot" });
  let cursor = null;
  const more = async () => {
    foot.replaceChildren();
    try {
      const page = await api.listReferrals(id, { limit: PAGE, cursor }, signal);
      cursor = page.cursor;
      list.append(
        ...page.items.map((one) =>
          h(
            "li",
            {},
            h("a", { href: address(one.id), class: "phone" }, one.phone),
            h("span", { class: "muted", title: time(one.activated_at) }, ago(one.activated_at)),
          ),
        ),
      );
      const count = list.children.length;
      const next = showMore(more, { list, foot, class: "quiet" });
      if (count === 0 && cursor === null) {
        place.replaceChildren(h("p", { class: "muted" }, t("referrals_none")));
      } else if (cursor !== null) {
        foot.replaceChildren(h("p", { class: "muted" }, `${count} / ${Math.max(total, count)}`), next);
      } else {
        foot.replaceChildren(h("p", { class: "muted" }, t("shown_all", { count })));
      }
      return page.items.length;
    } catch (failure) {
      if (!signal.aborted) foot.replaceChildren(notice(failure, more));
      return 0;
    }
  };
  place.append(list, foot);
  during(more());
}

function sessions(place, { id, signal }) {
  let items = [];
  const draw = () => {
    if (items.length === 0) {
      place.replaceChildren(h("p", { class: "muted" }, t("sessions_none")));
      return;
    }
    place.replaceChildren(
      h(
        "ul",
        { class: "lines" },
        items.map((session) => {
          const device = session.device ?? t("device_unknown");
          const button = h(
            "button",
            {
              type: "button",
              class: "quiet",
              "aria-label": t("end_session_of", { device }),
              onclick: () =>
                attempt(button, place, async () => {
                  await over(session);
                  items = items.filter((one) => one !== session);
                  draw();
                  focus(place);
                  say(t("session_over", { device }));
                }),
            },
            t("end_session"),
          );
          return h(
            "li",
            {},
            h(
              "div",
              { class: "who" },
              h("span", { class: "device" }, device, session.current && h("span", { class: "badge you" }, t("session_current"))),
              h(
                "span",
                { class: "muted", title: `${time(session.created_at)} – ${time(session.last_seen_at)}` },
                [session.ip, t("session_seen", { seen: ago(session.last_seen_at) })].join(" · "),
              ),
            ),
            // One's own session is ended by signing out.
            !session.current && button,
          );
        }),
      ),
    );
  };
  const over = async (session) => {
    try {
      await api.revokeSession(id, session.id);
    } catch (failure) {
      // What was over already is over.
      if (failure.code !== "session_not_found") throw failure;
    }
  };
  loaded(place, signal, () => api.listSessions(id, signal), (page) => {
    items = page.items;
    draw();
  });
}

function invite(place, { id, signal, redrawn }) {
  const draw = (now) => {
    const most = h("input", {
      type: "number",
      name: "max_uses",
      min: 0,
      max: 1_000_000_000,
      step: 1,
      inputmode: "numeric",
      placeholder: t("no_limit"),
      value: now.max_uses ?? "",
    });
    const until = h("input", { type: "datetime-local", name: "expires_at", value: local(now.expires_at) });
    const save = h("button", { type: "submit" }, t("save"));
    const revoke = h(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: () =>
          attempt(revoke, place, async () => {
            draw(await api.manageInvite(id, { revoked: !now.revoked }));
            focus(place);
            say(t("saved"));
          }),
      },
      t(now.revoked ? "restore_invite" : "revoke_invite"),
    );
    const redraw = h(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: async () => {
          let drawn;
          const done = await ask({
            title: t("redraw_title"),
            text: t("redraw_text", { code: now.invite_code }),
            action: t("redraw"),
            danger: true,
            run: async () => (drawn = await api.manageInvite(id, { redraw: true })),
          });
          if (!done) return;
          redrawn(drawn.invite_code);
          draw(drawn);
          focus(place);
          say(t("redrawn", { code: drawn.invite_code }));
        },
      },
      t("redraw"),
    );
    place.replaceChildren(
      h(
        "div",
        { class: "bar" },
        h("p", { class: "invite-code mono" }, now.invite_code),
        h("p", { class: "muted" }, badge(now), t("invite_uses", { count: now.uses })),
      ),
      h(
        "form",
        {
          class: "pair",
          onsubmit: (event) => {
            event.preventDefault();
            // Only what was changed: what the form cannot show whole stays as it is.
            const change = {};
            if (most.value !== String(now.max_uses ?? "")) {
              change.max_uses = most.value === "" ? null : Number(most.value);
            }
            if (until.value !== local(now.expires_at)) {
              change.expires_at = until.value === "" ? null : new Date(until.value).toISOString();
            }
            attempt(save, place, async () => {
              draw(await api.manageInvite(id, change));
              focus(place);
              say(t("saved"));
            });
          },
        },
        field(t("max_uses"), most),
        field(t("expires_at"), until, t("expires_hint")),
        h("div", { class: "actions start" }, save, revoke, redraw),
      ),
    );
  };
  // Without a change it only tells the terms.
  loaded(place, signal, () => api.manageInvite(id, {}, signal), draw);
}

/** A number that is lost: the move to a new one, begun or to be begun. */
function recovery(place, { id, signal }) {
  const draw = (now) => {
    if (now) {
      const stop = h(
        "button",
        {
          type: "button",
          onclick: () =>
            attempt(stop, place, async () => {
              await api.stopRecovery(id);
              draw(null);
              focus(place);
              say(t("recovery_stopped"));
            }),
        },
        t("stop_recovery"),
      );
      place.replaceChildren(
        h("p", {}, t("recovery_to", { phone: now.phone })),
        h("p", { class: "muted" }, t("recovery_ready", { when: time(now.ready_at) })),
        h("div", { class: "actions start" }, stop),
      );
      return;
    }
    const phone = h("input", { type: "tel", name: "new_phone", autocomplete: "off", required: true });
    const begin = h("button", { type: "submit" }, t("begin_recovery"));
    place.replaceChildren(
      h(
        "form",
        {
          class: "stack tight",
          onsubmit: (event) => {
            event.preventDefault();
            attempt(begin, place, async () => {
              draw(await api.beginRecovery(id, phone.value.trim()));
              focus(place);
              say(t("recovery_begun"));
            });
          },
        },
        field(t("new_phone"), phone, t("recovery_hint")),
        h("div", { class: "actions start" }, begin),
      ),
    );
  };
  loaded(place, signal, () => api.getRecovery(id, signal), draw);
}

function badge({ revoked, expires_at, max_uses, uses }) {
  const expired = expires_at !== null && new Date(expires_at) <= new Date();
  const usedUp = max_uses !== null && uses >= max_uses;
  const state = revoked ? "revoked" : expired ? "expired" : usedUp ? "used_up" : "live";
  return h("span", { class: `badge ${state === "live" ? "live" : "banned"}` }, t(`invite_${state}`));
}

/** A time as a field of the reader's time zone holds it, to the minute. */
function local(text) {
  if (text === null) return "";
  const date = new Date(text);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
