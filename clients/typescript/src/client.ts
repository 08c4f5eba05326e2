import { Auth } from "./auth.js";
import { Caller } from "./caller.js";
import { Me } from "./me.js";
import { browserPasskeys, type Passkeys } from "./passkeys.js";
import { solve, type Solver } from "./proof.js";
import { Session } from "./session.js";
import type { Storage } from "./storage.js";
import { Transport } from "./transport.js";
import { Vault } from "./vault.js";
import { system, type World } from "./world.js";

export interface Options {
  /** Where the API is: over https, or on this machine. */
  url: string;
  storage: Storage;
  /** Origins of the app's own backends, which `fetch` sends the access token to: over https, or on this machine. */
  backends?: readonly string[];
  /** What the person sees in the list of signed-in devices. */
  device?: string;
  /** How long a request waits for a refresh that is not answered, in milliseconds; the refresh goes on. 20 seconds. */
  patience?: number;
  passkeys?: Passkeys;
  solve?: Solver;
  world?: Partial<World>;
}

export interface Client {
  readonly auth: Auth;
  readonly me: Me;
  /** As `fetch`, with the access token for `backends` and the API: refreshed where it is refused, never across a redirect. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
}

export function createClient(options: Options): Client {
  const { url, storage, backends = [], device, patience = 20_000, passkeys = browserPasskeys } = options;
  const world = { ...system, ...options.world };
  const transport = new Transport(url, world);
  const session = new Session(transport, new Vault(storage), patience);
  const caller = new Caller(transport, session, backends);
  // A page that was frozen, or kept for its way back, heard nothing of what other tabs did.
  for (const event of ["online", "pageshow", "visibilitychange"]) {
    globalThis.addEventListener?.(event, () => void session.wake().catch(() => {}));
  }
  const auth = new Auth(transport, session, caller, passkeys, options.solve ?? solve, device);
  return { auth, me: new Me(caller), fetch: caller.fetch };
}
