import { link, mkdir, open, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { join } from "node:path";

import type { Lock, Storage } from "../storage.js";

const LEASE = 15_000;
const TRIAL = 25;

/** Files in a folder that only its owner reads, for tools and tests; shared by all processes that name the same folder. */
export function fileStorage(folder: string): Storage {
  const file = (key: string) => join(folder, key);
  return {
    get: (key) => readFile(file(key), "utf8").catch(unlessMissing(null)),
    async set(key, value) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const draft = `${file(key)}.${randomUUID()}`;
      try {
        await written(draft, value);
        await rename(draft, file(key));
        await settled(folder);
      } finally {
        await rm(draft, { force: true });
      }
    },
    remove: (key) => rm(file(key), { force: true }),
    lock: fileLock(folder),
  };
}

/** Whole, on the disk and not only on its way there. */
async function written(path: string, value: string) {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(value);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** That names in a folder are on the disk as well, where a system can be asked for that. */
async function settled(folder: string) {
  if (process.platform === "win32") return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that whoever made it removes. One that was left behind by a process that was killed ends with its lease. */
function fileLock(folder: string): Lock {
  const path = join(folder, "latchkey.lock");
  return async (work) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const mine = join(folder, `latchkey.lock.${randomUUID()}`);
    await written(mine, `${process.pid}`);
    try {
      while (!(await taken(mine, path))) {
        await removeIfLeft(path);
        await new Promise((resolve) => setTimeout(resolve, TRIAL + Math.random() * TRIAL));
      }
      try {
        return await work();
      } finally {
        if (await isSame(mine, path)) await rm(path, { force: true });
      }
    } finally {
      await rm(mine, { force: true });
    }
  };
}

async function taken(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function isSame(mine: string, path: string): Promise<boolean> {
  const [one, other] = await Promise.all([stat(mine), stat(path).catch(unlessMissing(null))]);
  return one.ino === other?.ino;
}

async function removeIfLeft(path: string) {
  const found = await stat(path).catch(unlessMissing(null));
  if (!found) return;
  const holder = Number(await readFile(path, "utf8").catch(unlessMissing("")));
  const isOld = Math.abs(Date.now() - found.mtimeMs) > LEASE;
  if (isOld || (holder > 0 && !isAlive(holder))) await unlink(path).catch(unlessMissing(undefined));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

function unlessMissing<T>(value: T) {
  return (error: unknown) => {
    if (codeOf(error) === "ENOENT") return value;
    throw error;
  };
}
