import type { Caller } from "./caller.js";
import type { components } from "./openapi.js";
import { Problem } from "./problem.js";

type Schemas = components["schemas"];
type Answer<Name extends keyof Schemas> = Promise<Schemas[Name]>;

const ME = "/v1/users/me";

interface Page {
  cursor?: string;
  limit?: number;
}

/** Whoever is signed in, and what is theirs. */
export class Me {
  constructor(readonly caller: Caller) {}

  get(signal?: AbortSignal): Answer<"User"> {
    return this.#ask("GET", ME, undefined, signal);
  }

  update(change: Schemas["UserUpdate"]): Answer<"User"> {
    return this.#ask("PATCH", ME, change);
  }

  /** Takes one image of at most 256 KiB: JPEG, PNG or WebP. */
  setAvatar(image: Blob | Uint8Array, type = "type" in image ? image.type : "image/jpeg"): Answer<"StoredAvatar"> {
    const asked = { bytes: image, headers: { "content-type": type } };
    return this.caller.insist(() => this.caller.call("PUT", `${ME}/avatar`, asked)) as Answer<"StoredAvatar">;
  }

  removeAvatar(): Answer<"User"> {
    return this.update({ avatar_url: null });
  }

  /** Moves the account to another number, by the code that `requestCode` with `purpose: "change_phone"` texted. */
  changePhone(change: Schemas["PhoneChange"]): Answer<"MovedProfile"> {
    return this.#ask("PUT", `${ME}/phone`, change);
  }

  /** Enters a friend's invite code. */
  setReferrer(invite_code: string): Answer<"ActivatedInvite"> {
    return this.#ask("PUT", `${ME}/referrer`, { invite_code });
  }

  referrals(page: Page = {}): Answer<"PageOfReferral"> {
    return this.#ask("GET", `${ME}/referrals${query(page)}`);
  }

  sessions(): Answer<"PageOfSession"> {
    return this.#ask("GET", `${ME}/sessions`);
  }

  async endSession(id: string): Promise<void> {
    await orGone("session_not_found", this.#ask("DELETE", `${ME}/sessions/${encodeURIComponent(id)}`));
  }

  passkeys(): Answer<"PageOfPasskey"> {
    return this.#ask("GET", `${ME}/passkeys`);
  }

  renamePasskey(id: string, name: string): Answer<"Passkey"> {
    return this.#ask("PATCH", `${ME}/passkeys/${encodeURIComponent(id)}`, { name });
  }

  async removePasskey(id: string): Promise<void> {
    await orGone("passkey_not_found", this.#ask("DELETE", `${ME}/passkeys/${encodeURIComponent(id)}`));
  }

  /** All that is stored of the person, read to the last page. */
  async export(signal?: AbortSignal): Promise<Omit<Schemas["Export"], "cursor">> {
    const read = (page: Page): Answer<"Export"> => this.#ask("GET", `${ME}/export${query(page)}`, undefined, signal);
    const { cursor, ...whole } = await read({ limit: 100 });
    for (let next = cursor; next; ) {
      const page = await read({ limit: 100, cursor: next });
      whole.referrals.push(...page.referrals);
      whole.acts.push(...page.acts);
      next = page.cursor;
    }
    return whole;
  }

  /** The move to another number that an admin began, as for somebody who lost theirs; null where there is none. */
  recovery(): Promise<Schemas["Recovery"] | null> {
    return orGone("not_found", this.#ask<Schemas["Recovery"]>("GET", `${ME}/recovery`));
  }

  /** Stops such a move: `forbidden` on a device that the account has not known for three days. */
  async stopRecovery(): Promise<void> {
    await orGone("not_found", this.#ask("DELETE", `${ME}/recovery`));
  }

  /** Removes the account, and forgets the session. */
  async delete(): Promise<void> {
    await this.#ask("DELETE", ME);
    await this.caller.session.end();
  }

  #ask<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    const ask = () => this.caller.call(method, path, { body, signal });
    // Not a guess, which may have been counted though its answer was lost.
    return (path.endsWith("/phone") ? ask() : this.caller.insist(ask, signal)) as Promise<T>;
  }
}

function query(page: Page): string {
  const set = Object.entries(page).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return set.length > 0 ? `?${set.join("&")}` : "";
}

/** What is gone, or was never there, is null. */
async function orGone<T>(code: string, asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (problem) {
    if (problem instanceof Problem && problem.code === code) return null;
    throw problem;
  }
}
