// Signing in: a phone, then the code that was texted to it; or a passkey.

import * as api from "./api.js";
import { field, h } from "./dom.js";
import { countDown, notice, once, say } from "./feedback.js";
import { hasPasskeys, signInByPasskey } from "./webauthn.js";
import { language, t } from "./words.js";

// What is under way outlives a change of language.
let phone = "";
let challenge = null;
let resendAt = 0;

// Shows the code's step of the page that is there: another, if the language was changed meanwhile.
let showCode;

/**
 * The page; `entered(user, { byText })` is told who signed in and how, `why` is said at the
 * top. Once `signal` is aborted, nobody is asked for a passkey any more. With
 * `byPasskeyAlone`, no code is texted.
 */
export function signIn({ entered, why, signal, byPasskeyAlone = false }) {
  const place = h("div", { class: "narrow" });
  const focus = () => place.querySelector("input, button").focus();
  const show = (step) => {
    place.replaceChildren(...step());
    focus();
  };
  showCode = () => show(codeStep);

  const askForCode = async (problem) => {
    const proving = () => problem.replaceChildren(h("p", { class: "muted", role: "status" }, t("proving")));
    challenge = await api.askForCode(phone, language(), proving);
    resendAt = Date.now() + challenge.resend_in * 1_000;
    why = null;
  };

  const done = (user, how) => {
    challenge = null;
    phone = "";
    entered(user, how);
  };

  const passkey = (look) => {
    if (!hasPasskeys()) return [];
    const problem = h("div", {});
    const button = h(
      "button",
      {
        type: "button",
        class: `wide ${look}`,
        onclick: () =>
          once(button, async () => {
            problem.replaceChildren();
            try {
              const user = await signInByPasskey(signal);
              if (user) done(user, { byText: false });
            } catch (failure) {
              if (!failure.code) throw failure;
              const told = notice(failure);
              if (failure.code === "passkey_not_accepted" && !byPasskeyAlone) told.append(h("p", {}, t("passkey_or_code")));
              problem.replaceChildren(told);
            }
          }),
      },
      t("passkey_sign_in"),
    );
    return [button, problem];
  };

  const passkeyStep = () => [h("h1", { tabindex: "-1" }, t("sign_in")), h("p", { class: "muted" }, why), ...passkey("primary")];

  const phoneStep = () => {
    const input = h("input", {
      type: "tel",
      name: "phone",
      autocomplete: "tel",
      inputmode: "tel",
      required: true,
      value: phone,
    });
    const send = h("button", { type: "submit", class: "primary wide" }, t("send_code"));
    const problem = h("div", {});
    return [
      h("h1", { tabindex: "-1" }, t("sign_in")),
      h("p", { class: "muted" }, t("sign_in_text")),
      why ? h("p", { class: "notice", role: "alert" }, why) : null,
      form(input, problem, send, async () => {
        phone = input.value.trim();
        await askForCode(problem);
        showCode();
      }, [field(t("phone"), input, t("phone_hint"))]),
      ...passkey(""),
    ].filter(Boolean);
  };

  const codeStep = () => {
    const { phone: to, code_length: length } = challenge;
    const input = h("input", {
      name: "code",
      class: "code",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      required: true,
      maxlength: length,
      spellcheck: "false",
    });
    const enter = h("button", { type: "submit", class: "primary wide" }, t("enter"));
    const problem = h("div", {});
    // One key for one code: if the answer is lost, the same session comes again.
    let sent = { code: null, key: null };
    const again = h("button", {
      type: "button",
      class: "quiet wide",
      onclick: () =>
        once(again, async () => {
          try {
            await askForCode(problem);
            showCode();
            say(t("code_resent"));
          } catch (failure) {
            problem.replaceChildren(notice(failure));
          }
        }),
    });
    countDown(again, (resendAt - Date.now()) / 1_000, t("resend"), "resend_in");
    const other = () => {
      challenge = null;
      show(phoneStep);
    };
    return [
      h("h1", { tabindex: "-1" }, t("enter_code")),
      h("p", { class: "muted" }, t("code_sent", { length, phone: to })),
      form(input, problem, enter, async () => {
        const code = input.value.trim();
        if (sent.code !== code) sent = { code, key: api.idempotencyKey() };
        const { challenge_id } = challenge;
        const user = await api.signIn({ phone: to, code, challenge_id, device: t("admin") }, sent.key);
        done(user, { byText: true });
      }, [field(t("code"), input)]),
      again,
      h("button", { type: "button", class: "quiet wide", onclick: other }, t("other_phone")),
      ...passkey("quiet"),
    ];
  };

  const first = byPasskeyAlone ? passkeyStep : challenge ? codeStep : phoneStep;
  place.append(...first());
  return { title: t("sign_in"), content: place, focus };
}

/** Signing in once more, over what is under way; answers who did, or null. */
export function signInAgain({ phone: own, why, byPasskeyAlone }) {
  return new Promise((resolve) => {
    const closing = new AbortController();
    let who = null;
    if (!challenge) phone = own;
    const entered = (user) => {
      who = user;
      dialog.close();
    };
    const { title, content, focus } = signIn({ entered, why, signal: closing.signal, byPasskeyAlone });
    const cancel = h("button", { type: "button", class: "quiet wide", onclick: () => dialog.close() }, t("cancel"));
    const dialog = h(
      "dialog",
      {
        "aria-label": title,
        onclose: () => {
          closing.abort();
          dialog.remove();
          resolve(who);
        },
      },
      content,
      cancel,
    );
    document.body.append(dialog);
    dialog.showModal();
    focus();
  });
}

function form(input, problem, button, work, fields) {
  const submit = async () => {
    problem.replaceChildren();
    input.removeAttribute("aria-invalid");
    try {
      await work();
    } catch (failure) {
      if (!failure.code) throw failure;
      problem.replaceChildren(notice(failure));
      if (failure.status === 422) input.setAttribute("aria-invalid", "true");
      input.focus();
      input.select();
    }
  };
  return h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        once(button, submit);
      },
    },
    fields,
    problem,
    button,
  );
}
