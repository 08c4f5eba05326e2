// What goes wrong on the way between a device and its server, drawn anew for each refresh. The same for every client.

import { never, response } from "./world.mjs";

export const LONGEST_OUTAGE = 1_800_000;

const PAGES = [
  { status: 200, text: "<html>Welcome to the hotel</html>", type: "text/html" },
  { status: 401, text: "<html>Log in to the hotel</html>", type: "text/html" },
  { status: 403, text: "<html>Blocked</html>", type: "text/html" },
  { status: 500, text: "<html>Internal Server Error</html>", type: "text/html" },
  { status: 502, text: "<html>Bad Gateway</html>", type: "text/html" },
  { status: 503, text: '{"message":"Service Unavailable"}', type: "application/json" },
];

export const MOMENTS = ["asking", "handled", "received", "storing", "stored"];

/** What happens around one refresh. */
export function plan(dice, clock) {
  return {
    // Nothing comes through until then; what was asked meanwhile may have been done.
    outage: dice.is(0.1) ? clock.now + dice.wide(1_000, LONGEST_OUTAGE) : 0,
    lost: dice.is(0.2) ? 1 + dice.below(4) : 0,
    pages: dice.is(0.1) ? 1 + dice.below(3) : 0,
    halves: dice.is(0.05) ? 1 : 0,
    doubled: dice.is(0.1),
    slow: dice.is(0.1) ? dice.wide(100, 20_000) : 0,
    kill: dice.is(0.3) ? dice.of(MOMENTS) : null,
    clock: dice.is(0.02) ? (dice.random() - 0.5) * 2 * 86_400_000 : null,
    others: dice.is(0.2) ? 1 : 0,
  };
}

/** `fetch` of a process: to `server(request)`, through what `faults()` says of now. */
export function network({ process, clock, dice, faults, server, tally }) {
  // Few different times, so that what comes at the same moment is one step of the clock.
  const travelling = () => 20 * (1 + dice.below(4));
  return (url, init = {}) => {
    const request = { url, method: init.method ?? "GET", headers: init.headers ?? {}, body: init.body, isRefresh: server.isRefresh(url) };
    const travel = async () => {
      const now = faults();
      if (request.isRefresh) process.reaches("asking");
      await clock.sleep(travelling());
      const isOut = clock.now < now.outage;
      const isLost = isOut || (request.isRefresh && now.lost > 0);
      // Lost on the way there, or on the way back.
      if (isLost && dice.is(0.5)) return lose(now, isOut);
      if (request.isRefresh && now.pages > 0) {
        now.pages -= 1;
        tally.pages += 1;
        const page = dice.of(PAGES);
        return response(url, page.status, page.text, page.type);
      }
      if (request.isRefresh && now.slow) await clock.sleep(now.slow * dice.random());
      if (process.isDead && !request.isRefresh) return never();
      let answer = server.handle(request);
      if (request.isRefresh) {
        process.reaches("handled");
        if (now.doubled) answer = server.handle(request);
        if (now.slow) await clock.sleep(now.slow * dice.random());
      }
      if (isLost) return lose(now, isOut);
      await clock.sleep(travelling());
      if (request.isRefresh && now.halves > 0) {
        now.halves -= 1;
        tally.halves += 1;
        const text = JSON.stringify(answer.body);
        return response(url, answer.status, text.slice(0, text.length / 2), "application/json");
      }
      if (request.isRefresh) process.reaches("received");
      return response(url, answer.status, answer.body);
    };
    const lose = async (now, isOut) => {
      if (request.isRefresh) tally.lost += 1;
      if (!isOut) now.lost -= 1;
      // At once, as without a network, or not before the client gives up.
      if (dice.is(0.3)) return never();
      throw new TypeError("fetch failed");
    };
    return new Promise((resolve, reject) => {
      init.signal?.addEventListener("abort", () => process.isDead || reject(new TypeError("aborted")), { once: true });
      travel().then(
        (answer) => process.isDead || resolve(answer),
        (error) => process.isDead || reject(error),
      );
    });
  };
}
