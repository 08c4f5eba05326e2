import type { Caller } from "./caller.js";
import { countdown, type Observable } from "./countdown.js";
import { Keys } from "./keys.js";
import type { components } from "./openapi.js";
import { ofPlatform, type Passkeys } from "./passkeys.js";
import { Problem } from "./problem.js";
import type { Challenge, Solver } from "./proof.js";
import { isTokens, type Listener, type Session } from "./session.js";
import type { Transport } from "./transport.js";

type Schemas = components["schemas"];
export type SignedIn = Omit<Schemas["SignedIn"], keyof Schemas["Tokens"]>;
export type Passkey = Schemas["Passkey"];

/** A code that was texted; `expires` and `resend` count down by themselves. */
export type CodeTexted = Schemas["CodeTexted"] & { expires: Observable<number>; resend: Observable<number> };

export type CodeRequest = Pick<Schemas["CodeRequest"], "phone" | "region" | "locale" | "app_hash" | "purpose"> & {
  signal?: AbortSignal;
  /** Told when a proof of work is begun, which takes seconds. */
  onProof?: () => void;
};

export interface CodeEntry {
  code: string;
  /** Of the code that was asked for last, unless they are given. */
  phone?: string;
  challenge_id?: string;
  invite_code?: string;
}

// A proof may come too late, or be spent already; whoever asks for a third one wants none.
const PROOFS = 2;

export class Auth {
  readonly #keys: Keys;
  #texted: Schemas["CodeTexted"] | null = null;

  constructor(
    readonly transport: Transport,
    readonly session: Session,
    readonly caller: Caller,
    readonly passkeys: Passkeys,
    readonly solve: Solver,
    readonly device: string | undefined,
  ) {
    this.#keys = new Keys(session.vault, transport.world);
  }

  /** Calls `listener` when somebody signed in or out, here or in another tab; answers what ends that. */
  onChange(listener: Listener): () => void {
    return this.session.onChange(listener);
  }

  isSignedIn(): Promise<boolean> {
    return this.session.isOn();
  }

  /** Reads the store again, and asks at once what waits to be asked again: for when the app comes to the front. */
  wake(): Promise<void> {
    return this.session.wake();
  }

  /** Texts a code. Solves what proof of work that takes. */
  async requestCode({ signal, onProof, ...request }: CodeRequest): Promise<CodeTexted> {
    const path = "/v1/auth/code";
    const body = { ...request, ...(await this.#known()) };
    const isMove = request.purpose === "change_phone";
    const send = (key: string, proof?: string) => {
      const asked = { body: { ...body, ...(proof && { proof }) }, key, signal };
      return this.caller.insist(
        () => (isMove ? this.caller.call("POST", path, asked) : this.transport.send("POST", path, asked)),
        signal,
      );
    };
    const texted = (await this.#keys.with(path, body, async (key) => {
      let proof: string | undefined;
      for (let solved = 0; ; solved += 1) {
        try {
          return await send(key, proof);
        } catch (problem) {
          const isProof = problem instanceof Problem && problem.code === "proof_required";
          if (!isProof || solved === PROOFS) throw problem;
          onProof?.();
          proof = await this.solve(problem.extras["challenge"] as Challenge, signal);
        }
      }
    })) as Schemas["CodeTexted"];
    this.#texted = texted;
    const { world } = this.transport;
    const [expires, resend] = [countdown(world, texted.expires_in), countdown(world, texted.resend_in)];
    return { ...texted, expires, resend };
  }

  /** Signs in by the code of the text, in the place of whoever was signed in. */
  async enterCode(entry: string | CodeEntry): Promise<SignedIn> {
    const given = typeof entry === "string" ? { code: entry } : entry;
    const { phone, challenge_id } = this.#texted ?? {};
    return this.#signIn("/v1/auth/token", { phone, challenge_id, ...given });
  }

  /** Whether this platform has passkeys. */
  hasPasskeys(): boolean {
    return this.passkeys.isSupported();
  }

  /** Signs in by whatever passkey the person picks. */
  async signInWithPasskey({ invite_code, signal }: { invite_code?: string; signal?: AbortSignal } = {}): Promise<SignedIn> {
    return this.#withPasskey(async () => {
      const options = (await this.transport.send("POST", "/v1/auth/passkey/options", {
        signal,
      })) as Schemas["PasskeySignInOptions"];
      const credential = await ofPlatform(() => this.passkeys.get(options.public_key, signal));
      const { challenge_id } = options;
      return this.#signIn("/v1/auth/passkey", { challenge_id, credential, ...(invite_code && { invite_code }) });
    });
  }

  /** Makes a passkey for whoever signed in within the last ten minutes. */
  async addPasskey(name?: string): Promise<Passkey> {
    return this.#withPasskey(async () => {
      const path = "/v1/users/me/passkeys";
      const options = (await this.caller.call("POST", `${path}/options`)) as Schemas["AddPasskeyOptions"];
      const credential = await ofPlatform(() => this.passkeys.create(options.public_key));
      const body = { challenge_id: options.challenge_id, credential, ...(name && { name }) };
      return (await this.caller.insist(() => this.caller.call("POST", path, { body }))) as Passkey;
    });
  }

  /**
   * Ends the session here in any case, and at the server as soon as it can be told: fails with a `Problem` if it cannot.
   * `others` ends all sessions but this one, `global` all.
   */
  async signOut(scope: Schemas["Scope"] = "local"): Promise<void> {
    const path = "/v1/auth/logout";
    if (scope === "others") {
      await this.caller.insist(() => this.caller.call("POST", path, { body: { scope } }));
      return;
    }
    const before = await this.session.end();
    if (before) await this.#tellEnd(before.refresh, scope);
  }

  async #tellEnd(refresh_token: string, scope: Schemas["Scope"]): Promise<void> {
    try {
      const body = { refresh_token, scope };
      await this.caller.insist(() => this.transport.send("POST", "/v1/auth/logout", { body }));
    } catch (problem) {
      // It was over already.
      if (!(problem instanceof Problem) || !problem.endsSession) throw problem;
    }
  }

  async #signIn(path: string, request: object): Promise<SignedIn> {
    const body = { ...request, ...(this.device && { device: this.device }), ...(await this.#known()) };
    const answer = await this.#keys.with(path, body, async (key) => {
      const answer = await this.caller.insist(() => this.transport.send("POST", path, { body, key }));
      if (!isTokens(answer)) throw new Problem("unreadable");
      // Before the key is let go: until they are stored, the same key gives the same tokens.
      const before = await this.session.begin(answer);
      if (before) void this.#tellEnd(before.refresh, "local").catch(() => {});
      return answer as Schemas["SignedIn"];
    });
    const { access_token, refresh_token, device_token, expires_in, refresh_expires_in, token_type, ...signedIn } = answer;
    this.#texted = null;
    return signedIn;
  }

  /** Once more with new options where a passkey was not accepted, as it may have been too late. */
  async #withPasskey<T>(ask: () => Promise<T>): Promise<T> {
    if (!this.passkeys.isSupported()) throw new Problem("passkeys_unsupported");
    try {
      return await ask();
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== "passkey_not_accepted") throw problem;
      return ask();
    }
  }

  async #known(): Promise<{ device_token?: string }> {
    const { token } = await this.session.vault.device();
    return token ? { device_token: token } : {};
  }
}
