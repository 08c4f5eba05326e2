// What docs/integrate.md says of the kit is what the kit has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const DOCUMENT = read("docs/integrate.md");
const { behaviours } = JSON.parse(read("clients/conformance/behaviours.json"));

test("behaviours that it names are there", () => {
  const ids = new Set(behaviours.map(({ id }) => id));
  const groups = [...DOCUMENT.matchAll(/\((`[a-z][a-z0-9-]*`(?:,\s+`[a-z][a-z0-9-]*`)*)\)/g)];
  const named = groups.flatMap(([, group]) => group.split(/,\s+/)).map((name) => name.slice(1, -1)).filter((name) => name.includes("-"));
  assert.ok(named.length >= 20, `${named}`);
  assert.deepEqual(named.filter((name) => !ids.has(name)), []);
});

test("it has all calls that behaviours are written in", () => {
  const { $defs, properties } = JSON.parse(read("clients/conformance/behaviours.schema.json"));
  const schema = JSON.stringify([$defs, properties]);
  const [, calls] = schema.match(/"do":\{"enum":(\["is_signed_in".*?\])/);
  const [, table] = DOCUMENT.match(/\| the kit's call \|.*\n\|[-|]+\|\n((?:\|.*\n)+)/);
  const told = table.trim().split("\n").flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, call]) => call));
  assert.deepEqual(told.sort(), JSON.parse(calls).sort());
});
