// Breaks `@latchkey/client` on purpose, one guarantee at a time, and says what finds it, as README.md's table:
//
//   node clients/conformance/plant.mjs [name] [--refreshes 5000] [--kills 0] [--check]
//
// Each is a change to a copy of what `npm run build` made in clients/typescript. `--check` sees that
// each still applies, and no more. Ends with status 1 where nothing finds one.

import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../typescript/", import.meta.url));

const ENDS = "this.isOurs && this.status === ENDS.get(this.code)";
/** What signs out, in the place of that. */
const endsBy = (rule) => ["problem.js", `return ${ENDS};`, `return ${rule};`];

/** What is broken: in which file what becomes what. */
const FAULTS = {
  "used before it is stored": ["session.js", "await this.vault.keepSession(session);", "void this.#world.after(2_000, () => void this.vault.keepSession(session));"],
  "no lock among processes": ["vault.js", "all ? (work) => mine(() => all(work)) : mine", "mine"],
  "a 5xx signs out": endsBy(`this.status >= 500 || (${ENDS})`),
  "what is garbled signs out": endsBy(`this.code === "unreadable" || (${ENDS})`),
  "any 401 signs out": endsBy("this.status === 401"),
  "no network signs out": endsBy(`this.code === "offline" || (${ENDS})`),
  "not asked again": ["session.js", "if (!passes ||", "if (passes ||"],
  "never more patient": ["session.js", "of(PATIENCE, tried)", "PATIENCE[0]"],
  "traded as soon as it came": ["session.js", "held.access !== refused || this.#isYoung(held, refusedAt)", "held.access !== refused"],
  "age by the device's clocks": ["session.js", "if (refusedAt !== null && held.served !== null)", "if (false)"],
  "what another got is not counted": ["session.js", "this.#came = age < 0 ? null : this.#world.ticks() - (stored?.retried ? 0 : age);", "this.#came = null;"],
  "age from the server's answer": ["session.js", "at && at + this.#world.ticks() - began", "at"],
  "the clock is believed while requests are under way": ["session.js", "(stored?.retried ? 0 : age)", "age"],
  "sent as it was read before sleeping": ["session.js", "const sent = await this.#present();", "const sent = await this.vault.session();"],
  "written over what is newer": ["session.js", "if (stored?.refresh === sent.refresh)", "if (stored)"],
  "the store is not read again": ["session.js", "const sent = await this.#present();", "const sent = held;"],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { refreshes: { type: "string", default: "5000" }, kills: { type: "string", default: "0" }, check: { type: "boolean", default: false } },
});
if (values.check) {
  for (const name of Object.keys(FAULTS)) await broken(name);
  process.exit(0);
}
const names = positionals.length ? positionals : Object.keys(FAULTS);
let isBlind = false;
console.log("| what is broken | behaviours that fail | simulation |" + (Number(values.kills) ? " kills |" : ""));
console.log("|---|---|---|" + (Number(values.kills) ? "---|" : ""));
for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-plant-"));
  try {
    const found = await plant(name, folder);
    isBlind ||= found.every((what) => what === "–");
    console.log(`| ${name} | ${found.join(" | ")} |`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
process.exit(isBlind ? 1 : 0);

/** A file of the client with a fault in it. */
async function broken(name) {
  const [file, from, to] = FAULTS[name];
  const whole = await readFile(`${PACKAGE}dist/${file}`, "utf8");
  if (!whole.includes(from)) throw new Error(`${name}: ${file} has no longer ${from}`);
  return { file, text: whole.replaceAll(from, to) };
}

async function plant(name, folder) {
  const { file, text } = await broken(name);
  await cp(`${PACKAGE}dist`, folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await writeFile(join(folder, file), text);
  const env = { ...process.env, LATCHKEY_CLIENT: join(folder, "index.js") };
  const behaviours = await output(["--test", "--test-reporter=tap", `${HERE}conformance.test.mjs`], env);
  const failed = [...behaviours.matchAll(/^not ok \d+ - ([a-z0-9-]+):/gm)].map(([, id]) => id);
  const simulated = await output([`${HERE}simulation/simulate.mjs`, "--refreshes", values.refreshes, "--first"], env, 1_200_000);
  const [, refreshes] = /: (\d+) refreshes in \d+ rounds/.exec(simulated) ?? [];
  const [, out, stuck] = /^(\d+) signed out, (\d+) did not/m.exec(simulated) ?? [null, "0", "0"];
  const what = Number(out) ? "signed out" : Number(stuck) ? "not back" : "–";
  const found = [
    failed.length ? `${failed.slice(0, 2).map((id) => `\`${id}\``).join(", ")}${failed.length > 2 ? ` and ${failed.length - 2} more` : ""}` : "–",
    refreshes === undefined ? "does not end" : what === "–" ? what : `${what} after ${refreshes} refreshes`,
  ];
  if (!Number(values.kills)) return found;
  const killed = await output([`${HERE}kills/kill.mjs`, "--kills", values.kills], env, 600_000);
  return [...found, /SIGNED OUT/.test(killed) ? "found" : "–"];
}

/** What a program of Node's said until it ended, or until its time was over. */
function output(args, env, longest = 120_000) {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "ignore"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), longest);
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  return new Promise((resolve) => child.once("close", () => (clearTimeout(timer), resolve(said))));
}
