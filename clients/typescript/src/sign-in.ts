import type { CodeTexted, SignedIn } from "./auth.js";
import type { Client } from "./client.js";
import { countdown, observable, type Observable } from "./countdown.js";
import { codeFromText } from "./one-time-code.js";
import { Problem } from "./problem.js";

/** What went wrong in a step, and how long to wait before it makes sense to try again. */
export interface Trouble {
  problem: Problem;
  wait: Observable<number> | null;
}

/** A step of signing in, which an app draws. `busy` while something is asked; `trouble` is what the last try came to. */
export type State =
  | { step: "phone"; busy: boolean; trouble: Trouble | null }
  | { step: "proof"; busy: true; phone: string }
  | { step: "code"; busy: boolean; trouble: Trouble | null; texted: CodeTexted; attemptsLeft: number | null }
  | { step: "passkey-offer"; busy: boolean; trouble: Trouble | null; signedIn: SignedIn }
  | { step: "done"; signedIn: SignedIn };

export interface SignInOptions {
  region?: string;
  locale?: string;
  app_hash?: string;
  invite_code?: string;
  /** What to name a passkey; null: offer none. */
  passkeyName?: string | null;
}

/**
 * Signing in, step by step, without a screen: an app draws the state, and calls what its buttons are for. Nothing here
 * throws what a server or a network did: that is a state. A call that does not fit the step does nothing. Where the
 * browser reads texts (WebOTP), the code enters itself.
 */
export class SignIn implements Observable<State> {
  readonly #state = observable<State>({ step: "phone", busy: false, trouble: null });
  #asking: AbortController | null = null;
  /** Calls off reading the text that was asked for last. */
  #reading: AbortController | null = null;
  /** The code of a text that was there before its step. */
  #arrived: string | null = null;
  /** The text that left last, and the number that was typed for it. */
  #last: { typed: string; texted: CodeTexted } | null = null;

  constructor(
    readonly client: Client,
    readonly options: SignInOptions = {},
  ) {}

  readonly get = (): State => this.#state.get();
  readonly subscribe = (listener: (state: State) => void): (() => void) => this.#state.subscribe(listener);

  /** Texts a code to what the person typed; goes on with the one that just left to the same number. */
  async requestCode(phone: string): Promise<void> {
    const before = this.get();
    if (before.step !== "phone" || before.busy) return;
    const { typed, texted } = this.#last ?? {};
    const isAtHand = texted && [typed, texted.phone].includes(phone) && Math.min(texted.resend.get(), texted.expires.get()) > 0;
    if (!isAtHand) return this.#text(phone, before);
    this.#read();
    this.#expect(texted);
  }

  /** Texts another code; does nothing before `texted.resend` has come to 0. */
  async resend(): Promise<void> {
    const before = this.get();
    if (before.step !== "code" || before.busy || before.texted.resend.get() > 0) return;
    await this.#text(before.texted.phone, before);
  }

  async enterCode(code: string): Promise<void> {
    const before = this.get();
    if (before.step !== "code" || before.busy) return;
    const { invite_code } = this.options;
    const { phone, challenge_id } = before.texted;
    await this.#try(before, async () => {
      const entry = { code, phone, challenge_id, ...(invite_code && { invite_code }) };
      this.#signedIn(await this.client.auth.enterCode(entry), true);
    });
  }

  async signInWithPasskey(): Promise<void> {
    const before = this.get();
    if (before.step !== "phone" || before.busy) return;
    const { invite_code } = this.options;
    this.#reading?.abort();
    await this.#try(before, async (signal) => {
      this.#signedIn(await this.client.auth.signInWithPasskey({ signal, ...(invite_code && { invite_code }) }), false);
    });
  }

  async addPasskey(): Promise<void> {
    const before = this.get();
    if (before.step !== "passkey-offer" || before.busy) return;
    await this.#try(before, async () => {
      await this.client.auth.addPasskey(this.options.passkeyName ?? undefined).catch(unlessThere);
      this.#state.set({ step: "done", signedIn: before.signedIn });
    });
  }

  skipPasskey(): void {
    const before = this.get();
    if (before.step === "passkey-offer" && !before.busy) this.#state.set({ step: "done", signedIn: before.signedIn });
  }

  /** To another number: calls off what is under way. */
  back(): void {
    const { step } = this.get();
    if (step === "passkey-offer" || step === "done") return;
    this.#reading?.abort();
    this.#asking?.abort();
    this.#asking = null;
    this.#state.set({ step: "phone", busy: false, trouble: null });
  }

  async #text(phone: string, before: State & { step: "phone" | "code" }): Promise<void> {
    const { region, locale, app_hash } = this.options;
    const hints = { ...(region && { region }), ...(locale && { locale }), ...(app_hash && { app_hash }) };
    await this.#try(before, async (signal) => {
      const onProof = () => signal.aborted || this.#state.set({ step: "proof", busy: true, phone });
      // Before the text can arrive.
      this.#read();
      const texted = await this.client.auth.requestCode({ phone, ...hints, signal, onProof });
      this.#last = { typed: phone, texted };
      if (!signal.aborted) this.#expect(texted);
    });
  }

  /** Waits for the text that is on its way, and for none before it. */
  #read(): void {
    this.#reading?.abort();
    const { signal } = (this.#reading = new AbortController());
    this.#arrived = null;
    void codeFromText(signal).then((code) => {
      if (signal.aborted) return;
      this.#arrived = code;
      this.#enterArrived();
    });
  }

  #enterArrived(): void {
    if (this.#arrived === null || this.get().step !== "code") return;
    void this.enterCode(this.#arrived);
    this.#arrived = null;
  }

  #expect(texted: CodeTexted): void {
    this.#state.set({ step: "code", busy: false, trouble: null, texted, attemptsLeft: null });
    this.#enterArrived();
  }

  /** Busy, then what `work` sets; or the step as it was, with what went wrong. */
  async #try(before: Exclude<State, { step: "proof" | "done" }>, work: (signal: AbortSignal) => Promise<void>) {
    const asking = (this.#asking = new AbortController());
    this.#state.set({ ...before, busy: true, trouble: null });
    try {
      await work(asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return;
      const problem = error instanceof Problem ? error : new Problem("offline", { cause: error });
      // Who turns a passkey down goes on without.
      const isNoTrouble = problem.code === "passkey_cancelled";
      const after = { ...before, busy: false, trouble: isNoTrouble ? null : this.#trouble(problem) };
      const left = problem.extras["attempts_left"];
      if (after.step === "code" && typeof left === "number") after.attemptsLeft = left;
      this.#state.set(after);
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
  }

  #trouble(problem: Problem): Trouble {
    const { world } = this.client.auth.transport;
    return { problem, wait: problem.retryAfter === null ? null : countdown(world, problem.retryAfter) };
  }

  #signedIn(signedIn: SignedIn, byText: boolean): void {
    this.#reading?.abort();
    const offers = byText && this.options.passkeyName !== null && this.client.auth.hasPasskeys();
    if (offers) this.#state.set({ step: "passkey-offer", busy: false, trouble: null, signedIn });
    else this.#state.set({ step: "done", signedIn });
  }
}

/** A device that has a passkey already needs none. */
function unlessThere(problem: unknown): void {
  if (!(problem instanceof Problem) || problem.code !== "passkey_exists") throw problem;
}
