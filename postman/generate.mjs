// Makes docs/latchkey.postman_collection.json of openapi.json and story.mjs.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { STORY } from "./story.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
export const COLLECTION = file("../docs/latchkey.postman_collection.json");

/** The collection as text. Fails at a step without operation, and at an operation without step. */
export function generate() {
  const description = JSON.parse(readFileSync(file("../openapi.json"), "utf8"));
  const operations = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations.set(operation.operationId, { path, method: method.toUpperCase(), ...operation });
    }
  }
  const called = new Set();
  const item = STORY.map(({ name, about, steps }) => ({
    name,
    ...(about ? { description: about } : {}),
    item: steps.map((step) => {
      if (step.operation) called.add(step.operation);
      return step.operation ? request(step, operations.get(step.operation), description) : plain(step);
    }),
  }));
  const left = [...operations.keys()].filter((operation) => !called.has(operation));
  if (left.length > 0) throw new Error(`story.mjs does not call ${left.join(", ")}`);
  const collection = {
    info: {
      name: "Latchkey",
      description: `${description.info.description}\n\nRun it from top to bottom: each request keeps what the next ones need.`,
      schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
    },
    // Numbers that are new each time, so that it can be run again.
    event: [script("prerequest", [
      `for (const [at, name] of ["alice", "bob", "alice_new", "admin"].entries()) {`,
      `  if (!pm.collectionVariables.get(name)) pm.collectionVariables.set(name, "+7902" + at + String(Math.floor(Math.random() * 1e6)).padStart(6, "0"));`,
      `}`,
      `if (pm.environment.get("admin_phone")) pm.collectionVariables.set("admin", pm.environment.get("admin_phone"));`,
    ])],
    item,
  };
  return `${JSON.stringify(collection, null, 2)}\n`;
}

function request(step, operation, description) {
  if (!operation) throw new Error(`openapi.json has no operation ${step.operation}`);
  const isOptional = operation.security?.some((way) => Object.keys(way).length === 0);
  const token = operation.security && (!isOptional || step.as) ? `${step.as ?? "alice"}_token` : null;
  const parameters = operation.parameters ?? [];
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
    const example = parameters.find((parameter) => parameter.in === "path" && parameter.name === name).example;
    return step.path?.[name] ?? example;
  });
  const query = Object.entries(step.query ?? {}).map(([key, value]) => ({ key, value }));
  for (const { key } of query) {
    if (!parameters.some((parameter) => parameter.in === "query" && parameter.name === key)) {
      throw new Error(`${step.operation} has no ?${key}=`);
    }
  }
  const success = Object.keys(operation.responses).find((status) => status.startsWith("2"));
  const statuses = [step.status ?? Number(success)].flat();
  const refused = step.staff ? 403 : null;
  for (const status of [...statuses, ...(refused ? [refused] : [])]) {
    if (!operation.responses[status]) throw new Error(`${step.operation} does not answer ${status}`);
  }
  const [answer] = statuses.map((status) => Object.entries(operation.responses[status].content ?? {})[0]);
  const isJson = statuses.length === 1 && answer?.[0].endsWith("json");
  return {
    name: step.name ?? operation.summary,
    ...(step.name ? {} : { description: [operation.summary, operation.description].filter(Boolean).join(".\n\n") }),
    request: {
      method: operation.method,
      auth: token ? { type: "bearer", bearer: [{ key: "token", value: `{{${token}}}`, type: "string" }] } : { type: "noauth" },
      header: [
        ...(isJson ? [{ key: "Accept", value: "application/json" }] : []),
        ...(step.picture ? [{ key: "Content-Type", value: step.picture.type }] : []),
      ],
      url: url(path, query),
      ...body(step, operation, description),
    },
    event: [...(step.picture ? [script("prerequest", [`pm.collectionVariables.set("picture", atob("${step.picture.base64}"));`])] : []), script("test", [
      ...(refused ? [
        `if (pm.collectionVariables.get("admin_role") !== "admin") {`,
        `  pm.test("answers ${refused} to somebody who is no admin", () => pm.expect(pm.response.code).to.equal(${refused}));`,
        "  return;",
        "}",
      ] : []),
      `pm.test("answers ${statuses.join(" or ")}", () => pm.expect(pm.response.code, pm.response.text()).to.be.oneOf(${JSON.stringify(statuses)}));`,
      `pm.test("says which request it answers", () => pm.response.to.have.header("x-request-id"));`,
      ...(isJson ? ["const answer = pm.response.json();", ...holds(answer[1].schema, description)] : []),
      ...Object.entries(step.keep ?? {}).map(([name, member]) => `pm.collectionVariables.set("${name}", answer.${member});`),
      ...(step.check ? ['pm.test("is what it should be", () => {', ...step.check.map((line) => `  ${line}`), "});"] : []),
    ])],
  };
}

/** The example of the description, with the step's values; what the step does not name is left out. */
function body(step, operation, description) {
  // A file would be one of whoever imports the collection.
  if (step.picture) return { body: { mode: "raw", raw: "{{picture}}" } };
  const media = operation.requestBody?.content["application/json"];
  if (!media || !step.body) return {};
  const { properties } = resolved(media.schema, description);
  for (const name of Object.keys(step.body)) {
    if (!properties[name]) throw new Error(`${step.operation} takes no ${name}`);
  }
  return {
    body: { mode: "raw", raw: JSON.stringify(step.body, null, 2), options: { raw: { language: "json" } } },
  };
}

/** That the members are there which the schema requires. */
function holds(schema, description) {
  const { required = [], allOf = [] } = resolved(schema, description);
  const names = [...required, ...allOf.flatMap((part) => resolved(part, description).required ?? [])];
  if (names.length === 0) return [];
  return [`pm.test("holds all that it promises", () => pm.expect(answer).to.include.keys(${JSON.stringify(names)}));`];
}

function resolved(schema, description) {
  return schema.$ref ? description.components.schemas[schema.$ref.split("/").at(-1)] : schema;
}

/** A request that is no operation: the inbox of the laptop. */
function plain({ name, path, check }) {
  const [base, query] = path.split("?");
  const parameters = [...(query ?? "").matchAll(/(\w+)=([^&]*)/g)].map(([, key, value]) => ({ key, value }));
  return {
    name,
    request: { method: "GET", auth: { type: "noauth" }, header: [], url: url(base, parameters) },
    event: [script("test", ['pm.test("holds the text", () => {', ...check.map((line) => `  ${line}`), "});"])],
  };
}

function url(path, query) {
  const text = query.map(({ key, value }) => `${key}=${value}`).join("&");
  return {
    raw: `{{base_url}}${path}${text ? `?${text}` : ""}`,
    host: ["{{base_url}}"],
    path: path.slice(1).split("/"),
    ...(query.length > 0 ? { query } : {}),
  };
}

function script(listen, exec) {
  return { listen, script: { type: "text/javascript", exec } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    writeFileSync(COLLECTION, generate());
  } catch (error) {
    // What story.mjs lacks, without a stack.
    console.error(error.message);
    process.exitCode = 1;
  }
}
