// README, read to the letter: each command typed in its order against a gateway
// that nobody set up, with what the text says to put in the place of the examples.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bare } from "./gateway.mjs";

const read = (path) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8");
const README = read("README.md");
const INTEGRATE = read("docs/integrate.md");

/** The commands of a text, each in one line. */
const commands = (text) =>
  [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block.replace(/\\\n\s*/g, "").trim().split("\n").map((line) => line.trim()),
  );

/** What a shell prints of a command, with `variables`. */
async function shell(command, variables) {
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { env: { PATH: process.env.PATH, ...variables } });
  return stdout;
}

/** The commands below a heading. */
const below = (heading) => commands(README.split(`\n${heading}\n`)[1].split(/\n##+ /)[0]);

/** What a curl is answered, which has to be a success; null where that is empty. */
async function curl(command, variables) {
  const printed = await shell(command.replace("curl ", "curl -s -w '\\n%{http_code}' "), variables);
  const [, body, status] = printed.match(/^([\s\S]*)\n(\d+)$/);
  assert.ok(Number(status) < 300, `${command}: ${printed}`);
  return body === "" ? null : JSON.parse(body);
}

/** Somebody who types commands, one after another. */
function typist(gateway) {
  const variables = {};
  const kept = {};
  return async (line) => {
    const assigned = line.match(/^(\w+)=(.*)$/);
    if (assigned) {
      variables[assigned[1]] = assigned[1] === "LATCHKEY" ? gateway.url : kept.access_token;
      return null;
    }
    let typed = line;
    if (line.includes('"1234"')) {
      const [, phone] = line.match(/"phone": "([^"]*)"/);
      typed = line.replace("1234", (await gateway.lastText(phone)).match(/\d{4}/)[0]);
    }
    typed = typed.replace("K5J3RW", kept.alice?.user.invite_code).replace("lkr.…", kept.alice?.refresh_token);
    const answer = await curl(typed, variables);
    if (answer?.access_token) Object.assign(kept, { access_token: answer.access_token });
    if (answer?.access_token && !kept.alice) kept.alice = answer;
    return answer;
  };
}

test("signing in with curl", async () => {
  const gateway = await bare();
  const type = typist(gateway);
  try {
    const lines = below("## Sign in with curl");
    assert.ok(lines.length > 8);
    const bobs = lines.findIndex((line) => line.includes("$BOB"));
    const alices = lines.slice(0, bobs);
    for (const line of alices) await type(line);
    for (const line of alices.filter((line) => line.includes("/v1/auth/"))) {
      await type(line.replace("8 900 000-00-01", "8 900 000-00-02").replace("+79000000001", "+79000000002"));
    }
    await type("BOB=eyJ0…");
    const [entered, referrals] = [await type(lines[bobs]), await type(lines[bobs + 1])];
    assert.equal(entered.referrer.phone, "+79000000001");
    assert.deepEqual(referrals.items.map(({ phone }) => phone), ["+79000000002"]);
    for (const line of lines.slice(bobs + 2)) await type(line);
  } finally {
    await gateway.stop();
  }
});

test("the quick start of the description", async () => {
  const gateway = await bare();
  const type = typist(gateway);
  try {
    const { tags } = await gateway.ask("GET", "/openapi.json");
    const lines = commands(tags.find(({ name }) => name === "Quick start").description);
    assert.equal(lines.length, 6);
    for (const line of lines) await type(line);
  } finally {
    await gateway.stop();
  }
});

test("the guide for apps", async () => {
  const gateway = await bare();
  /** Somebody else, who has just signed in. */
  const signIn = async (phone) => {
    await gateway.ask("POST", "/v1/auth/code", { body: { phone } });
    const [code] = (await gateway.lastText(phone)).match(/\d{4}/);
    return gateway.ask("POST", "/v1/auth/token", { body: { phone, code } });
  };
  try {
    const friend = await signIn("+79000000005");
    let kept = {};
    let others = 0;
    let typed = 0;
    for (const line of commands(INTEGRATE).filter((line) => line.startsWith("curl "))) {
      // Takes what a device answers; what a device is, other tests play.
      if (line.includes("{…}")) continue;
      const [, phone] = line.match(/"phone": "([^"]*)"/) ?? [];
      let command = line.replace('"challenge_id": "…"', `"challenge_id": "${kept.challenge_id}"`);
      if (line.includes('"1234"')) command = command.replace("1234", (await gateway.lastText(phone)).match(/\d{4}/)[0]);
      command = command.replace("lkd.…", kept.device_token).replace("lkr.…", kept.refresh_token).replace("K5J3RW", friend.user.invite_code);
      assert.ok(!command.includes("…"), command);
      kept = { ...kept, ...(await curl(command, { LATCHKEY: gateway.url, TOKEN: kept.access_token })) };
      if (line.includes("/logout")) kept = await signIn(`+7900000001${(others += 1)}`);
      typed += 1;
    }
    assert.ok(typed >= 10, String(typed));
  } finally {
    await gateway.stop();
  }
});

test("when a code does not come", async () => {
  const [free, tester] = below("### When a code does not come").map((line) =>
    Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value])),
  );
  const statuses = async (variables, phone) => {
    const gateway = await bare(variables);
    const all = [];
    try {
      for (let time = 0; time < 12; time += 1) {
        const answer = await fetch(`${gateway.url}/v1/auth/code`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ phone }),
        });
        all.push(answer.status);
      }
      return [...new Set(all)];
    } finally {
      await gateway.stop();
    }
  };
  assert.deepEqual(await statuses({}, "+79000000001"), [202, 429]);
  assert.deepEqual(await statuses({ RESEND_COOLDOWN: "0" }, "+79000000001"), [202, 429]);
  assert.deepEqual(await statuses(free, "+79000000001"), [202]);
  assert.deepEqual(await statuses(tester, "+79000000009"), [202]);
});

test("the sizes that it tells", async () => {
  const gateway = await bare();
  const near = (measured, told, by) => assert.ok(Math.abs(measured / 1000 - told) <= by, `${measured} is told as ${told} KB`);
  const load = async (path) => {
    const answer = await fetch(gateway.url + path);
    const text = await answer.text();
    return { text, wire: Number(answer.headers.get("content-length")) };
  };
  try {
    const description = await load("/openapi.json");
    const [, disk, wire] = README.match(/\((\d+) KB, (\d+) KB on the\s+wire\)/);
    near(description.text.length, disk, 10);
    near(description.wire, wire, 2);

    const panel = fileURLToPath(new URL("../admin/", import.meta.url));
    const files = readdirSync(panel).map((name) => ({ name, bytes: statSync(panel + name).size }));
    const page = await load("/admin");
    const [version] = page.text.match(/admin\/[0-9a-f]+\//);
    const sent = await Promise.all(files.filter(({ name }) => name !== "index.html").map(({ name }) => load(`/${version}${name}`)));
    const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);
    const [, onDisk, onTheWire] = README.match(/plain files, (\d+) KB on disk and (\d+) KB on the wire/);
    near(sum(files.map(({ bytes }) => bytes)), onDisk, 10);
    near(page.wire + sum(sent.map(({ wire }) => wire)), onTheWire, 4);
  } finally {
    await gateway.stop();
  }
});
