// A network that fails, in front of a server that does not: for clients in any language, and for a gateway of yours.
//
//   node clients/conformance/proxy.mjs --to http://127.0.0.1:3000 [--port 0] [--seed 1] [--badness 0.5] [--longest 20]
//     [--path /v1/auth/refresh] [--faults answer_lost,late]
//
// Prints its address, then a line for each fault. `--badness` is how likely a fault is, `--longest` for how many seconds something
// is held back at most, `--path` what the paths that are disturbed begin with, `--faults` which ones there are (README.md). The
// same seed draws the same faults for the same requests in the same order. SIGTERM ends it.

import { createServer, request as ask } from "node:http";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

import { chance } from "./simulation/clock.mjs";

const REFRESH = "/v1/auth/refresh";
const PAGE = "<!doctype html><title>Welcome to the airport</title><p>session_ended invalid_refresh_token account_banned</p>";

/** What can happen to a request, by the names that README.md explains. */
const FAULTS = {
  /** The connection breaks before anything came to the server. */
  request_lost: ({ hangUp }) => hangUp(),
  /** The server has answered, and the connection breaks. */
  answer_lost: async ({ forward, hangUp }) => {
    await forward();
    hangUp();
  },
  /** The server has answered, and nothing comes. */
  silent: async ({ forward }) => void (await forward()),
  /** The server is asked late, whoever waits for it or has given up. */
  held_up: async ({ forward, give, pause }) => {
    await pause();
    give(await forward());
  },
  /** The server has answered at once, which comes late. */
  late: async ({ forward, give, pause }) => {
    const answer = await forward();
    await pause();
    give(answer);
  },
  /** The server is asked once more, later. */
  doubled: async ({ forward, give, pause }) => {
    give(await forward());
    await pause();
    await forward();
  },
  /** Half an answer that looks whole, or JSON of something else. */
  garbled: async ({ forward, give, random }) => {
    const answer = await forward();
    const half = answer.body.subarray(0, Math.floor(random() * answer.body.length));
    give({ ...answer, body: random() < 0.5 ? half : Buffer.from('{"status":"ok"}') });
  },
  /** The connection breaks in the middle of the answer. */
  cut: async ({ forward, response, random }) => {
    const { status, headers, body } = await forward();
    response.writeHead(status, { ...headers, "content-length": body.length });
    response.write(body.subarray(0, Math.floor(random() * body.length)), () => response.destroy());
  },
  /** Somebody else's page, or the way to it. */
  portal: ({ give, random }) => {
    const status = [200, 302, 401, 403, 511][Math.floor(random() * 5)];
    const headers = { "content-type": "text/html", ...(status === 302 && { location: "http://127.0.0.1:1/portal" }) };
    give({ status, headers, body: Buffer.from(PAGE) });
  },
  /** A gateway's own error, whether or not the server was asked. */
  "5xx": async ({ forward, give, random }) => {
    if (random() < 0.5) await forward();
    const status = [429, 500, 502, 503, 504][Math.floor(random() * 5)];
    give({ status, headers: { "content-type": "application/json" }, body: Buffer.from('{"message":"Service Unavailable"}') });
  },
};

/**
 * Starts a proxy on 127.0.0.1. Answers its `url`, what happened so far (`tally`, by the names of faults), `set`, which changes
 * `badness`, and `stop`. `told` is called with each fault and its path.
 */
export async function start({ to, port = 0, seed = 1, badness = 0.5, longest = 20, path = REFRESH, faults = Object.keys(FAULTS), told = () => {} }) {
  for (const name of faults) if (!Object.hasOwn(FAULTS, name)) throw new TypeError(`${name} is none of ${Object.keys(FAULTS).join(", ")}`);
  const random = chance(seed);
  const tally = Object.fromEntries(faults.map((name) => [name, 0]));
  const timers = new Set();
  const setting = { badness };

  const server = createServer(async (request, response) => {
    // Drawn when it comes, so that the order of requests alone decides.
    const name = request.url.startsWith(path) && random() < setting.badness ? faults[Math.floor(random() * faults.length)] : null;
    const own = chance(Math.floor(random() * 2 ** 32));
    const body = Buffer.concat(await request.toArray().catch(() => []));
    const give = ({ status, headers, body }) => {
      if (response.destroyed) return;
      const { "transfer-encoding": _, ...rest } = headers;
      response.writeHead(status, { ...rest, "content-length": body.length }).end(body);
    };
    const forward = () => exchange(to, request, body);
    const pause = () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => timers.delete(timer) && resolve(), own() * longest * 1_000);
        timers.add(timer);
      });
    const hangUp = () => response.destroy();
    try {
      if (name === null) return give(await forward());
      tally[name] += 1;
      told(name, request.url);
      await FAULTS[name]({ forward, give, pause, hangUp, response, random: own });
    } catch {
      // The server behind it does not answer.
      hangUp();
    }
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    tally,
    set: (badness) => (setting.badness = badness),
    stop: () => {
      timers.forEach(clearTimeout);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Asks the server behind, and hears its answer to the end. */
function exchange(to, { method, url, headers }, body) {
  return new Promise((resolve, reject) => {
    const { connection: _, "transfer-encoding": __, ...rest } = headers;
    const sent = { ...rest, host: new URL(to).host, ...(body.length && { "content-length": body.length }) };
    const asked = ask(new URL(url, to), { method, headers: sent }, async (answer) => {
      try {
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(await answer.toArray()) });
      } catch (error) {
        reject(error);
      }
    });
    asked.once("error", reject).end(body);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      to: { type: "string" },
      port: { type: "string", default: "0" },
      seed: { type: "string", default: "1" },
      badness: { type: "string", default: "0.5" },
      longest: { type: "string", default: "20" },
      path: { type: "string", default: REFRESH },
      faults: { type: "string", default: Object.keys(FAULTS).join(",") },
    },
  });
  if (!values.to) throw new TypeError("--to <address of the server> is missing");
  const [port, seed, badness, longest] = [values.port, values.seed, values.badness, values.longest].map(Number);
  const told = (name, path) => console.log(`${name} ${path}`);
  const proxy = await start({ to: values.to, port, seed, badness, longest, path: values.path, faults: values.faults.split(","), told });
  console.log(proxy.url);
  process.once("SIGTERM", () => void proxy.stop());
}
