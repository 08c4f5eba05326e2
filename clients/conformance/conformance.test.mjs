// The behaviours, held against the client that LATCHKEY_CLIENT names: without it, the one in clients/typescript. And their form.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import Ajv from "ajv/dist/2020.js";

import { run } from "./kit.mjs";
import { drive } from "./typescript.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const all = read("behaviours.json");
const { behaviours } = all;

for (const behaviour of behaviours) test(`${behaviour.id}: ${behaviour.must}`, () => run(behaviour, drive));

test("no two behaviours have one name", () => {
  const ids = behaviours.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test("the behaviours have the form that their schema says, and nothing else has", () => {
  const validate = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true, strictRequired: false }).compile(read("behaviours.schema.json"));
  assert.ok(validate(all), JSON.stringify(validate.errors));
  const spoilt = [
    ({ steps: [step] }) => (step.do = "dance"),
    ({ steps: [step] }) => (step.expects = {}),
    ({ steps: [step] }) => (step.answers = [{ to: "GET /v1/users/me" }]),
    ({ steps: [step] }) => (step.answers = [{ to: "/v1/users/me", status: 204 }]),
    ({ steps: [step] }) => (step.answers = [{ to: "GET /", problem: "invalid_token" }]),
    ({ steps: [step] }) => (step.expect = { asked: [{ token: "a1" }] }),
    (behaviour) => (behaviour.steps = []),
    (behaviour) => delete behaviour.must,
  ];
  for (const spoil of spoilt) {
    const one = structuredClone(behaviours[0]);
    spoil(one);
    assert.ok(!validate({ version: 1, behaviours: [one] }), String(spoil));
  }
});

test("README.md explains all that the schema has", () => {
  const page = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const { $defs } = read("behaviours.schema.json");
  const steps = $defs.behaviour.properties.steps.items.oneOf;
  const names = [
    ...steps.flatMap(({ properties }) => [...properties.do.enum, ...Object.keys(properties)]),
    ...["behaviour", "session", "answer", "asked", "expect"].flatMap((name) => Object.keys($defs[name].properties)),
  ];
  for (const name of new Set(names)) assert.match(page, new RegExp(`\`(?:[^\`]*\\W)?${name}(?:\\W[^\`]*)?\``), name);
});
