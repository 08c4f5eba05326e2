// The simulation's server judges refresh tokens as the real one does: by stories that the real rule tells
// (shared/examples/refresh_cases.rs; `cargo build --workspace --examples` builds it, REFRESH_CASES names another build).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Server } from "./simulation/server.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const BINARY = process.env.REFRESH_CASES ?? `${TARGET}/debug/examples/refresh_cases`;

test("a refresh token stands to its session as the server's own rule says", () => {
  const stories = execFileSync(BINARY, { encoding: "utf8", maxBuffer: 1 << 26 }).trim().split("\n").map((line) => JSON.parse(line));
  const seen = new Map();
  for (const story of stories) {
    const clock = { ticks: 0 };
    const server = new Server(clock);
    server.begin();
    for (const [index, [at, what, generation, standing]] of story.entries()) {
      clock.ticks = at;
      if (what === "use") server.use(generation);
      else {
        assert.equal(server.refresh(generation), standing, `${JSON.stringify(story.slice(0, index + 1))}`);
        seen.set(standing, (seen.get(standing) ?? 0) + 1);
      }
    }
  }
  assert.deepEqual([...seen.keys()].sort(), ["current", "lapsed", "repeated", "stolen"]);
  assert.ok([...seen.values()].every((count) => count >= 100), JSON.stringify([...seen]));
});
