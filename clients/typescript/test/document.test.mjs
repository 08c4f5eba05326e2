// What docs/integrate.md says of the kit is what the kit has, and what the README lists is what the client has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClient, memoryStorage } from "@latchkey/client";

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

test("the README lists every method of an account and of a sign-in", () => {
  const client = createClient({ url: "http://localhost:3000", storage: memoryStorage() });
  for (const part of ["auth", "me"]) {
    const [, row] = read("clients/typescript/README.md").match(new RegExp(`\\| \`client\\.${part}\` \\| (.*) \\|`));
    const listed = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(client[part])).filter((name) => name !== "constructor");
    assert.deepEqual(listed.sort(), methods.sort(), `client.${part}`);
  }
});
