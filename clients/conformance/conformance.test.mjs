// The behaviours, held against the client that LATCHKEY_CLIENT names: without it, the one in clients/typescript.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "./kit.mjs";
import { drive } from "./typescript.mjs";

const { behaviours } = JSON.parse(readFileSync(new URL("behaviours.json", import.meta.url), "utf8"));

for (const behaviour of behaviours) test(`${behaviour.id}: ${behaviour.must}`, () => run(behaviour, drive));

test("no two behaviours have one name", () => {
  const ids = behaviours.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});
