import { codeField } from "./client/index.js";
import { SignIn } from "./client/sign-in.js";
import { button, element, form, show } from "./dom.js";
import { sayProblem, sayWait } from "./words.js";

/** Draws a sign-in, step by step, and answers it; tells `done` when somebody is signed in. */
export function drawSignIn(client, done, notice = "") {
  const signIn = new SignIn(client, { locale: navigator.language, passkeyName: "This browser" });
  let step;
  let draw;
  const update = (state) => {
    if (state.step === "done") return done(state.signedIn);
    if (state.step !== step) {
      step = state.step;
      draw = STEPS[step](signIn, state, notice);
    }
    draw(state);
  };
  signIn.subscribe(update);
  update(signIn.get());
  return signIn;
}

// Each draws its step once, and answers what brings it up to date.
const STEPS = {
  phone(signIn, _, notice) {
    const wrong = trouble();
    const passkey = signIn.client.auth.hasPasskeys() ? button("Sign in with a passkey", () => signIn.signInWithPasskey()) : null;
    const field = { type: "tel", name: "phone", autocomplete: "tel", placeholder: "+79000000000" };
    show(
      element("h1", {}, "Sign in"),
      ...(notice ? [element("p", { className: "quiet" }, notice)] : []),
      element(
        "section",
        {},
        form("Phone number", field, "Text me a code", (phone) => signIn.requestCode(phone)),
        wrong.line,
        ...(passkey ? [element("p", { className: "row" }, passkey)] : []),
      ),
    );
    return wrong.update;
  },

  proof(signIn) {
    show(
      element("h1", {}, "One moment"),
      element("p", {}, "Making sure that you are no robot. This takes some seconds."),
      element("p", { className: "row" }, button("Cancel", () => signIn.back())),
    );
    return () => {};
  },

  code(signIn, { texted }) {
    const wrong = trouble();
    const field = { ...codeField, autocomplete: codeField.autoComplete, name: "code" };
    const again = button("", () => signIn.resend());
    let listening = () => {};
    show(
      element("h1", {}, "Enter the code"),
      element("p", { className: "quiet" }, `It is on its way to ${texted.phone}.`),
      element(
        "section",
        {},
        form("Code", field, "Sign in", (code) => signIn.enterCode(code)),
        wrong.line,
        element("p", { className: "row" }, again, button("Another number", () => signIn.back())),
      ),
    );
    document.querySelector("input").focus();
    return (state) => {
      listening();
      const count = (left) => {
        again.textContent = left > 0 ? `Another text ${sayWait(left)}` : "Another text";
        again.setAttribute("aria-disabled", String(left > 0));
      };
      listening = state.texted.resend.subscribe(count);
      count(state.texted.resend.get());
      wrong.update(state);
    };
  },

  "passkey-offer"(signIn) {
    const wrong = trouble();
    show(
      element("h1", {}, "Sign in without a text next time?"),
      element("p", {}, "A passkey is kept by this device, which asks for your finger, face or PIN."),
      element(
        "p",
        { className: "row" },
        button("Add a passkey", () => signIn.addPasskey(), { className: "first" }),
        button("Not now", () => signIn.skipPasskey()),
      ),
      wrong.line,
    );
    return wrong.update;
  },
};

/** A line that says what the last try came to, and counts down how long to wait. */
function trouble() {
  const line = element("p", { className: "bad", role: "alert" });
  let listening = () => {};
  const update = ({ trouble: what, busy }) => {
    listening();
    line.closest("main")?.setAttribute("aria-busy", String(busy));
    if (!what) return void (line.textContent = "");
    const text = sayProblem(what.problem);
    const count = (left) => (line.textContent = left > 0 ? `${text} Try again ${sayWait(left)}.` : text);
    count(what.wait?.get() ?? 0);
    // Once is enough for whoever is read to.
    listening = what.wait?.subscribe((left) => left % 10 === 0 && count(left)) ?? (() => {});
  };
  return { line, update };
}
