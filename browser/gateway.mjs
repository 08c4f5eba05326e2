// A gateway of its own for each test, and people who sign in to it.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { solve } from "../admin/proof.js";

/** The guard as a deployment has it, with proofs that tests have the time for. */
export const GUARD = { GUARD_STOCKS: "100", PROOF_COST: "1" };

const BINARY = process.env.LATCHKEY ?? fileURLToPath(new URL("../target/debug/latchkey", import.meta.url));

/** The number whose account is an admin's in every gateway started here. */
export const ADMIN = "+79000000001";

/**
 * Starts a gateway that keeps nothing, on a free port; `variables` are added to
 * its environment. Answers its address, and what ends it.
 */
export function start(variables = {}) {
  return bare({
    ADMIN_PHONES: ADMIN,
    REVEAL_CODE: "true",
    RESEND_COOLDOWN: "0",
    CODES_PER_PHONE_HOUR: "0",
    CODES_PER_PHONE_DAY: "0",
    ...variables,
  });
}

/** The same as nobody has set it up. It keeps what there is in a `DATA_DIR`, if one is named. */
export async function bare(variables = {}) {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(BINARY, ["--port", "0", ...(variables.DATA_DIR ? [] : ["--in-memory"])], {
    env: { PATH, HOME, TMPDIR, ...variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const { url, tables } = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
      if (!said.includes("Ctrl-C")) return;
      const [, url] = said.match(/ at (http:\/\/localhost:\d+)/);
      resolve({ url, tables: said.match(/tables +(http:\S+)/)?.[1] });
    });
    ended.then((status) => reject(new Error(`the gateway did not start (${status}): ${said}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, tables, stop, ...client(url) };
}

/** A `DATA_DIR` into which these users are imported. It goes with this process. */
export function imported(users) {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users.jsonl");
  writeFileSync(file, users.map((user) => `${JSON.stringify(user)}\n`).join(""));
  const { status, stderr } = spawnSync(BINARY, ["import", file], { env: { ...process.env, DATA_DIR: folder }, encoding: "utf8" });
  if (status !== 0) throw new Error(`users are not imported (${status}): ${stderr}`);
  return folder;
}

function client(url) {
  /** Asks the API; what it answers, or an error that says what it answered. */
  const ask = async (method, path, { body, token, headers } = {}) => {
    const isJson = body !== undefined && !(body instanceof Uint8Array);
    const answer = await fetch(url + path, {
      method,
      headers: {
        ...(isJson ? { "content-type": "application/json" } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: isJson ? JSON.stringify(body) : body,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
  /** A session: the answer to `POST /v1/auth/token`; `more` goes into the request. */
  const signIn = async (phone, more = {}) => {
    const { code } = await ask("POST", "/v1/auth/code", { body: { phone } });
    return ask("POST", "/v1/auth/token", { body: { phone, code, ...more } });
  };
  /** What the last text to a phone says. */
  const lastText = async (phone) => {
    const texts = await ask("GET", `/local/messages?to=${encodeURIComponent(phone)}`);
    return texts.at(-1).body;
  };
  /** Texts so many people of a block, the numbers that begin alike, and nobody enters a code. */
  const flood = async (block, count = 6) => {
    for (let number = 1; number <= count; number += 1) {
      await ask("POST", "/v1/auth/code", { body: { phone: `${block}8${String(number).padStart(3, "0")}` } });
    }
  };
  /** Texts a phone that is asked for a proof. */
  const prove = async (phone) => {
    const answer = await fetch(`${url}/v1/auth/code`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ phone }),
    });
    const proof = await solve((await answer.json()).challenge);
    return ask("POST", "/v1/auth/code", { body: { phone, proof } });
  };
  return { ask, signIn, lastText, flood, prove };
}

/** The nth of many people. */
export function phone(number) {
  return `+7901${String(number).padStart(7, "0")}`;
}
