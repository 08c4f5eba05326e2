import { button, element, form, say, show } from "./dom.js";
import { sayProblem } from "./words.js";

const time = (text) => new Date(text).toLocaleString(navigator.language, { dateStyle: "medium", timeStyle: "short" });

/** Draws what is one's own; each part is read anew after it was changed. */
export async function drawHome(client, api) {
  const parts = Object.fromEntries(["profile", "invite", "friends", "sessions", "passkeys"].map((name) => [name, element("section")]));
  show(
    element("h1", {}, "Signed in"),
    ...Object.values(parts),
    element(
      "p",
      { className: "row" },
      button("Sign out", () => client.auth.signOut().catch(() => {})),
      button("Save all that is stored of me", () => attempt(async () => save(await client.me.export()), "Saved.")),
      button("Sign out everywhere else", () => attempt(() => client.auth.signOut("others"), "Signed out everywhere else.", "sessions")),
    ),
  );
  const draw = {
    async profile() {
      const me = await client.me.get();
      const file = element("input", {
        type: "file",
        accept: "image/jpeg,image/png,image/webp",
        change: ({ target }) => attempt(() => client.me.setAvatar(target.files[0]), "Your picture is there.", "profile"),
      });
      const city = { name: "city", value: me.city ?? "", required: false, autocomplete: "address-level2" };
      parts.profile.replaceChildren(
        element("h2", {}, "Profile"),
        ...(me.avatar_url ? [element("img", { className: "avatar", src: me.avatar_url, alt: "Your picture" })] : []),
        element("p", {}, me.phone),
        form("City", city, "Save", (city) => attempt(() => client.me.update({ city: city || null }), "Saved.", "profile")),
        element("label", {}, "Picture", file),
        ...(me.avatar_url
          ? [element("p", { className: "row" }, button("Remove the picture", () => attempt(() => client.me.removeAvatar(), "Removed.", "profile")))]
          : []),
      );
    },
    async invite() {
      const { invite_code, referrer } = await client.me.get();
      const link = `${api}/i/${invite_code}`;
      const copy = () => attempt(() => navigator.clipboard.writeText(link), "Copied.");
      parts.invite.replaceChildren(
        element("h2", {}, "Invite friends"),
        element("p", { className: "code" }, invite_code),
        element("p", { className: "row" }, button("Copy the link", copy)),
        referrer
          ? element("p", { className: "quiet" }, `${referrer.phone} invited you.`)
          : form("A friend's invite code", { name: "invite_code", autocomplete: "off" }, "Enter", (code) =>
              attempt(() => client.me.setReferrer(code), "Entered.", "invite"),
            ),
      );
    },
    async friends() {
      const { items } = await client.me.referrals();
      parts.friends.replaceChildren(
        element("h2", {}, "Friends who entered your code"),
        items.length === 0
          ? element("p", { className: "quiet" }, "None yet.")
          : list(items.map(({ phone, activated_at }) => [phone, element("span", { className: "quiet" }, time(activated_at))])),
      );
    },
    async sessions() {
      const { items } = await client.me.sessions();
      const end = ({ id, current, device }) =>
        current
          ? element("span", { className: "quiet" }, "this one")
          : button("Sign out", () => attempt(() => client.me.endSession(id), "Signed out.", "sessions"), { "aria-label": `Sign out ${device}` });
      parts.sessions.replaceChildren(
        element("h2", {}, "Signed-in devices"),
        list(items.map((one) => [`${one.device ?? "A device"}, last seen ${time(one.last_seen_at)}`, end(one)])),
      );
    },
    async passkeys() {
      const { items } = await client.me.passkeys();
      const remove = ({ id, name }) =>
        button("Remove", () => attempt(() => client.me.removePasskey(id), "Removed.", "passkeys"), { "aria-label": `Remove ${name}` });
      const add = button("Add a passkey", () => attempt(() => client.auth.addPasskey("This browser"), "Added.", "passkeys"));
      parts.passkeys.replaceChildren(
        element("h2", {}, "Passkeys"),
        items.length === 0
          ? element("p", { className: "quiet" }, "None yet.")
          : list(items.map((one) => [`${one.name ?? "A passkey"}, added ${time(one.created_at)}`, remove(one)])),
        ...(client.auth.hasPasskeys() ? [element("p", { className: "row" }, add)] : []),
      );
    },
  };

  async function attempt(what, done, part) {
    say("");
    try {
      await what();
      if (part) await draw[part]();
      say(done);
    } catch (problem) {
      tell(problem);
    }
  }

  const parted = await Promise.allSettled(Object.values(draw).map((one) => one()));
  const failed = parted.find(({ status }) => status === "rejected");
  if (failed) tell(failed.reason);
}

function save(data) {
  const file = new Blob([JSON.stringify(data, null, 2)], { type: "application/json" });
  const href = URL.createObjectURL(file);
  element("a", { href, download: "my-data.json" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1_000);
}

function tell(problem) {
  // Who was signed out is told so where they sign in anew.
  if (problem.code !== "passkey_cancelled" && !problem.endsSession) say(sayProblem(problem));
}

const list = (rows) => element("ul", {}, ...rows.map(([text, more]) => element("li", {}, element("span", {}, text), more)));
