import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let mount: string;
let toldFile: string;
let watch: ChildProcess | undefined;
let stderr = "";

const soon = { timeout: 10_000, interval: 50 };

beforeEach(async () => {
  mount = await mkdtemp(join(tmpdir(), "when-renewed-"));
  toldFile = join(mount, "told");
  stderr = "";
  await mounted("1", { "tls.crt": "certificate 1", "tls.key": "key 1" });
  for (const name of ["tls.crt", "tls.key"]) await symlink(join("..data", name), join(mount, name));
});

afterEach(async () => {
  if (watch?.pid && watch.exitCode === null) {
    // The group: the watch has a process of its own.
    process.kill(-watch.pid, "SIGKILL");
    await once(watch, "exit");
  }
  // A command under timeout has a group of its own, and may still write its last line.
  await rm(mount, { recursive: true, maxRetries: 5 });
});

/** Puts files into the mount as kubelet does: into a new folder, to which ..data leads in one step. */
async function mounted(version: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(mount, `..${version}`));
  for (const [name, content] of Object.entries(files)) await writeFile(join(mount, `..${version}`, name), content);
  await symlink(`..${version}`, join(mount, "..data_tmp"));
  await rename(join(mount, "..data_tmp"), join(mount, "..data"));
}

/** Begins the watch, at fifty times its speed, and waits until it has read the first certificate. */
async function begin(command = `cat ${mount}/tls.crt >>${toldFile}; echo >>${toldFile}`): Promise<void> {
  const script = join(import.meta.dirname, "when-renewed");
  watch = spawn(script, [mount, command], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LOOK_EVERY_SECONDS: "0.1", BEGIN_AFTER_SECONDS: "0.4" },
  });
  watch.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await expect.poll(() => stderr, soon).toContain("watching");
}

/** What the server was told to take up, so far. */
async function told(): Promise<readonly string[]> {
  return (await readFile(toldFile, "utf8").catch(() => "")).split("\n").filter(Boolean);
}

describe("given a server whose certificate is mounted", { timeout: 30_000 }, () => {
  test("when it becomes another, then the server is told, and once more in case it was busy, and then no more", async () => {
    await begin();
    await mounted("2", { "tls.crt": "certificate 2", "tls.key": "key 2" });
    await expect.poll(told, soon).toEqual(["certificate 2", "certificate 2"]);
    await mounted("3", { "tls.crt": "certificate 3", "tls.key": "key 3" });
    await expect.poll(told, soon).toHaveLength(4);
    expect((await told()).slice(2)).toEqual(["certificate 3", "certificate 3"]);
  });

  test("when the key alone becomes another, as when a wrong one is put right, then the server is told", async () => {
    await begin();
    await mounted("2", { "tls.crt": "certificate 1", "tls.key": "key 2" });
    await expect.poll(told, soon).toContain("certificate 1");
  });

  test("when the files are written anew and are the same, then the server is left alone", async () => {
    await begin();
    await mounted("2", { "tls.crt": "certificate 1", "tls.key": "key 1" });
    await mounted("3", { "tls.crt": "certificate 3", "tls.key": "key 3" });
    await expect.poll(told, soon).not.toEqual([]);
    expect(await told()).not.toContain("certificate 1");
  });

  test("when the server refuses, then that is said, and the next certificate is told all the same", async () => {
    await begin(`cat ${mount}/tls.crt >>${toldFile}; echo >>${toldFile}; exit 3`);
    await mounted("2", { "tls.crt": "certificate 2", "tls.key": "key 2" });
    await expect.poll(() => stderr, soon).toContain("failed with 3");
    await mounted("3", { "tls.crt": "certificate 3", "tls.key": "key 3" });
    await expect.poll(told, soon).toContain("certificate 3");
  });

  test("when the watch itself is killed, then that is said, and what changed meanwhile is told", async () => {
    await begin();
    await mounted("2", { "tls.crt": "certificate 2", "tls.key": "key 2" });
    await expect.poll(told, soon).toHaveLength(1);
    const children = await readFile(`/proc/${watch?.pid}/task/${watch?.pid}/children`, "utf8");
    for (const child of children.trim().split(" ")) process.kill(Number(child), "SIGKILL");
    await mounted("3", { "tls.crt": "certificate 3", "tls.key": "key 3" });
    await expect.poll(told, soon).toContain("certificate 3");
    expect(stderr).toContain("begins again");
  });
});
