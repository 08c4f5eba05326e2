import { Problem } from "./problem.js";
import { isRecord, type Transport } from "./transport.js";
import type { Stored, Tokens, Vault } from "./vault.js";
import { reasonOf, type World } from "./world.js";

/** Who is told when somebody signed in or out; `problem` is why, where it was the server that ended it. */
export type Listener = (change: { signedIn: boolean; problem: Problem | null }) => void;

// In milliseconds. A refresh is given up sooner than other requests, as it is safe to ask again; and later each time, as
// there are networks on which each answer takes longer than that.
const PATIENCE = [8_000, 16_000, 30_000];
const PAUSES = [300, 1_000, 3_000, 10_000, 30_000, 60_000];
// Somebody waits: then no pause is longer than this.
const HURRIED = 3_000;
// So long is asked again while nobody calls: the server's REFRESH_RETRY, after which it makes no difference any more.
const INSIST = 3_600_000;
// The server's REFRESH_GRACE. Requests that were given up may reach it for so long, and until then their token must not be
// replaced twice. Where a token is refused that just came, another would be, too.
const YOUNG = 30_000;
// What took longer to read may have been replaced since.
const MOMENT = 5_000;

/** Who is signed in, and the access token that says so. */
export class Session {
  /** What was last read or stored: what is here has been stored. */
  #known: Stored | null = null;
  /** When `#known` came from the server, by the clock that nobody sets; null where that is not known. */
  #came: number | null = null;
  /** Whether `#known` is known at all: what is read first is no change. */
  #isRead = false;
  #refreshing: Promise<Stored> | null = null;
  /** Ends the pause before asking again, once it has lasted so many milliseconds. */
  #hurry: (least: number) => void = () => {};
  /** Calls off the request that is under way. */
  #trading: AbortController | null = null;
  readonly #listeners = new Set<Listener>();
  readonly #world: World;

  /** `patience` is how long a caller waits for a refresh, which goes on without them. */
  constructor(
    readonly transport: Transport,
    readonly vault: Vault,
    readonly patience: number,
  ) {
    this.#world = transport.world;
    vault.watch(() => void this.wake().catch(() => {}));
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether somebody is signed in, as the store says. */
  async isOn(): Promise<boolean> {
    return (await this.#read()) !== null;
  }

  /** Reads the store again, and asks at once what waits to be asked again: when the app comes back, or the network. */
  async wake(): Promise<void> {
    this.#hurry(0);
    await this.#read();
  }

  /** The access token to send; the one that follows `refused`, where a server refused one, ours at a time of its clock. */
  async token(refused?: string, signal?: AbortSignal, refusedAt: number | null = null): Promise<string> {
    const held = this.#known ?? (await this.#read());
    if (!held) throw new Problem("not_signed_in");
    const left = this.#left(held);
    const isGood = left > 0 && (held.access !== refused || this.#isYoung(held, refusedAt));
    if (isGood && left > early(held)) return held.access;
    const next = this.refresh(held);
    if (isGood) return held.access;
    this.#hurry(HURRIED);
    return (await this.#waiting(next, signal)).access;
  }

  /** What follows `held`: one request, however many wait for it, which is repeated until it is answered. */
  refresh(held: Stored): Promise<Stored> {
    if (!this.#refreshing) {
      this.#refreshing = this.#insist(held).finally(() => (this.#refreshing = null));
      this.#refreshing.catch(() => {});
    }
    return this.#refreshing;
  }

  /** Stores the tokens of a sign-in; answers the session that they take the place of. */
  async begin(tokens: Tokens): Promise<Stored | null> {
    return this.vault.exclusively(async () => {
      const before = await this.vault.session();
      await this.#keep(tokens);
      this.#tell(true);
      return before;
    });
  }

  /** Forgets the session, and what a refresh under way will answer; tells what the session was. */
  async end(): Promise<Stored | null> {
    this.#trading?.abort();
    return this.vault.exclusively(async () => {
      const before = await this.vault.session();
      await this.#forget();
      return before;
    });
  }

  /** Signs out, if it is `used` that the server says is over, and nobody has signed in anew or refreshed since. */
  async over(problem: Problem, used: Pick<Stored, "access"> | Pick<Stored, "refresh">): Promise<void> {
    await this.vault.exclusively(() => this.#over(problem, used));
  }

  async #over(problem: Problem, used: Partial<Stored>): Promise<Stored | null> {
    const stored = await this.#present();
    const isSame = stored && (stored.refresh === used.refresh || stored.access === used.access);
    if (!isSame) return this.#learn(stored);
    await this.#forget(problem);
    return null;
  }

  async #insist(held: Stored): Promise<Stored> {
    const began = this.#world.ticks();
    for (let tried = 0; ; tried += 1) {
      try {
        return await this.vault.exclusively(() => this.#trade(held, tried));
      } catch (problem) {
        const passes = problem instanceof Problem && problem.isPassing;
        if (!passes || this.#world.ticks() - began > INSIST) throw problem;
        await this.#pause(tried, problem.retryAfter);
      }
    }
  }

  /** Trades the stored refresh token once, unless another process went on from `held` already. */
  async #trade(held: Stored, tried: number): Promise<Stored> {
    const sent = await this.#present();
    if (!sent) {
      this.#learn(null);
      throw new Problem("not_signed_in");
    }
    if (sent.refresh !== held.refresh && this.#left(sent) > early(sent)) return this.#learn(sent) as Stored;
    const trading = (this.#trading = new AbortController());
    const began = this.#world.ticks();
    let answer;
    try {
      answer = await this.transport.ask("POST", "/v1/auth/refresh", {
        body: { refresh_token: sent.refresh },
        patience: of(PATIENCE, tried),
        signal: trading.signal,
      });
    } catch (problem) {
      if (trading.signal.aborted) throw new Problem("not_signed_in");
      if (!(problem instanceof Problem) || !problem.endsSession) throw problem;
      const newer = await this.#over(problem, { refresh: sent.refresh });
      if (newer) return newer;
      throw problem;
    }
    const { value: tokens, at } = answer;
    if (!isTokens(tokens)) throw new Problem("unreadable");
    const stored = await this.#present();
    if (stored?.refresh === sent.refresh) return this.#keep(tokens, at && at + this.#world.ticks() - began, tried > 0);
    // Signed out meanwhile, or another process traded it, too, and what it has is newer.
    this.#learn(stored);
    if (!stored) throw new Problem("not_signed_in");
    return stored;
  }

  /** Stored first, used second. */
  async #keep(tokens: Tokens, served: number | null = null, retried = false): Promise<Stored> {
    const session = {
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      lifetime: tokens.expires_in,
      at: this.#world.now(),
      served,
      retried,
    };
    const came = this.#world.ticks();
    await this.vault.keepSession(session);
    this.#known = session;
    this.#came = came;
    this.#isRead = true;
    const token = tokens.device_token;
    await this.vault.changeDevice((device) => (device.token === token ? null : { ...device, token })).catch(() => {});
    return session;
  }

  async #forget(problem: Problem | null = null): Promise<void> {
    await this.vault.forgetSession();
    this.#known = this.#came = null;
    this.#isRead = true;
    this.#tell(false, problem);
  }

  /**
   * What is stored at this moment. A process that slept while it read has what was stored before: it neither sends that nor
   * writes over what another process has stored meanwhile, but begins again.
   */
  async #present(): Promise<Stored | null> {
    const [now, ticks] = [this.#world.now(), this.#world.ticks()];
    const stored = await this.vault.session();
    const took = Math.max(Math.abs(this.#world.now() - now), this.#world.ticks() - ticks);
    if (took > MOMENT) throw new Problem("storage_failed");
    return stored;
  }

  async #read(): Promise<Stored | null> {
    return this.#learn(await this.vault.session());
  }

  /** What the store has, which another process may have changed. */
  #learn(stored: Stored | null): Stored | null {
    const [before, isChange] = [this.#known, this.#isRead];
    this.#isRead = true;
    if (before?.refresh === stored?.refresh && before?.access === stored?.access) return before;
    this.#known = stored;
    // Read soon after it came, as a rule: what is set later does not matter any more. Where requests may be under way, what
    // was set before does not, either.
    const age = stored ? this.#world.now() - stored.at : -1;
    this.#came = age < 0 ? null : this.#world.ticks() - (stored?.retried ? 0 : age);
    if (isChange && Boolean(before) !== Boolean(stored)) this.#tell(stored !== null);
    return stored;
  }

  /**
   * For how many milliseconds the access token is still good, by this device's own count since it came: never by the
   * server's clock. Where the device's two clocks disagree the longer count holds. Its own clock says nothing where it was
   * set back, and is not taken at its word where it says that what just came is over: then the server is to say so.
   */
  #left(held: Stored): number {
    const counted = this.#counted(held);
    const byClock = this.#world.now() - held.at;
    const isDoubtful = byClock < 0 || (counted !== null && counted < YOUNG);
    return held.lifetime * 1_000 - (isDoubtful ? (counted ?? 0) : Math.max(byClock, counted ?? 0));
  }

  /**
   * Whether it came just now, when the server refused it by its own clock; where that is not known, by the longer count of
   * the device: one stands still while it sleeps, and the other can be set. Not where nobody knows.
   */
  #isYoung(held: Stored, refusedAt: number | null): boolean {
    const young = Math.min(YOUNG, held.lifetime * 500);
    // In whole seconds: what is a second too young is not old.
    if (refusedAt !== null && held.served !== null) return refusedAt - held.served <= young;
    const byClock = this.#world.now() - held.at;
    const age = Math.max(byClock, this.#counted(held) ?? (byClock < 0 ? Infinity : 0));
    return age < young;
  }

  /** For how many milliseconds it has been here, by this process's own count since it came or was read. */
  #counted({ access }: Stored): number | null {
    return this.#known?.access === access && this.#came !== null ? this.#world.ticks() - this.#came : null;
  }

  #pause(tried: number, retryAfter: number | null): Promise<void> {
    const pause = Math.max(of(PAUSES, tried), (retryAfter ?? 0) * 1_000);
    const began = this.#world.ticks();
    return new Promise((resolve) => {
      const end = began + pause * (1 + this.#world.random() / 4);
      let cancel = this.#world.after(end - began, resolve);
      this.#hurry = (least) => {
        // A pause that the server asked for is kept.
        if (retryAfter !== null) return;
        cancel();
        cancel = this.#world.after(Math.max(0, Math.min(end, began + least) - this.#world.ticks()), resolve);
      };
    });
  }

  /** A caller's own end of waiting. */
  #waiting<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal && reasonOf(signal));
      const cancel = this.#world.after(this.patience, () => reject(new Problem("offline")));
      signal?.addEventListener("abort", abort, { once: true });
      work.then(resolve, reject).finally(() => {
        cancel();
        signal?.removeEventListener("abort", abort);
      });
    });
  }

  #tell(signedIn: boolean, problem: Problem | null = null): void {
    for (const listener of this.#listeners) listener({ signedIn, problem });
  }
}

/** So long before its end, in milliseconds, a token is refreshed; it is used meanwhile. */
function early({ lifetime }: Stored): number {
  return Math.min(60_000, lifetime * 100);
}

/** That of the `nth` try; the last one from then on. */
function of(times: readonly number[], nth: number): number {
  return times[Math.min(nth, times.length - 1)] ?? 0;
}

export function isTokens(value: unknown): value is Tokens {
  return (
    isRecord(value) &&
    ["access_token", "refresh_token", "device_token"].every((key) => typeof value[key] === "string" && value[key]) &&
    typeof value["expires_in"] === "number"
  );
}
