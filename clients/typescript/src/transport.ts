import { originOf, safeOrigin } from "./origin.js";
import { Problem } from "./problem.js";
import { reasonOf, type World } from "./world.js";

export interface Asked {
  body?: object | undefined;
  token?: string | undefined;
  key?: string | undefined;
  headers?: Record<string, string>;
  /** Sent as it is, instead of `body`. */
  bytes?: Blob | Uint8Array | undefined;
  signal?: AbortSignal | undefined;
  /** How long an answer may take, in milliseconds. */
  patience?: number;
}

const PATIENCE = 30_000;

/** Asks our server once, and knows its answers from others'. */
export class Transport {
  readonly base: string;
  readonly origin: string;

  constructor(
    url: string,
    readonly world: World,
  ) {
    this.base = url.replace(/\/+$/, "");
    this.origin = safeOrigin(url);
  }

  /** The JSON of the answer; null where it has none. Fails with a `Problem`, or with the signal's reason. */
  async send(method: string, path: string, asked: Asked = {}): Promise<unknown> {
    return (await this.ask(method, path, asked)).value;
  }

  /** The same, and when it was answered by the server's clock; null where nobody knows. */
  async ask(method: string, path: string, asked: Asked): Promise<{ value: unknown; at: number | null }> {
    const { body, token, key, headers, bytes, signal, patience = PATIENCE } = asked;
    if (signal?.aborted) throw reasonOf(signal);
    const { answer, content } = await this.#exchange(
      `${this.base}${path}`,
      {
        method,
        headers: {
          accept: "application/json",
          ...(body && { "content-type": "application/json" }),
          ...(token && { authorization: `Bearer ${token}` }),
          ...(key && { "idempotency-key": key }),
          ...headers,
        },
        ...(body ? { body: JSON.stringify(body) } : bytes ? { body: bytes as BodyInit } : {}),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
      },
      patience,
      signal,
    );
    const value = parsed(content);
    const type = answer.headers.get("content-type") ?? "";
    const isOfOrigin = !answer.redirected && (!answer.url || originOf(answer.url) === this.origin);
    const at = Date.parse(answer.headers.get("date") ?? "") || null;
    if (isOfOrigin && answer.ok) {
      if (answer.status === 204) return { value: null, at };
      if (/^application\/json\b/i.test(type) && isRecord(value)) return { value, at };
    }
    const retryAfter = seconds(answer.headers.get("retry-after"));
    const isProblem = isOfOrigin && !answer.ok && /^application\/problem\+json\b/i.test(type) && isRecord(value);
    if (isProblem && typeof value["code"] === "string" && value["status"] === answer.status) {
      const said = value["retry_after"];
      throw new Problem(value["code"], {
        status: answer.status,
        retryAfter: typeof said === "number" ? said : retryAfter,
        at,
        body: value,
      });
    }
    throw new Problem(answer.status === 429 ? "throttled" : "unreadable", { status: answer.status, retryAfter });
  }

  /** The answer and its body, whole. What the network does after `patience` is over does not matter any more. */
  #exchange(url: string, init: RequestInit, patience: number, signal?: AbortSignal) {
    const controller = new AbortController();
    return new Promise<{ answer: Response; content: string }>((resolve, reject) => {
      const giveUp = (reason: unknown) => {
        reject(reason);
        controller.abort();
      };
      const abort = () => giveUp(signal && reasonOf(signal));
      const cancel = this.world.after(patience, () => giveUp(new Problem("slow")));
      signal?.addEventListener("abort", abort, { once: true });
      const read = async () => {
        const answer = await this.world.fetch(url, { ...init, signal: controller.signal });
        return { answer, content: await answer.text() };
      };
      read()
        .then(resolve, (cause) => reject(new Problem("offline", { cause })))
        .finally(() => {
          cancel();
          signal?.removeEventListener("abort", abort);
        });
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function seconds(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null;
}
