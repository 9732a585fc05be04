import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inputsHash } from "./image-hash.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "image-hash-"));
  await write("Dockerfile", "FROM debian:trixie-slim");
  await write("app/main.ts", "main();");
  await write("app/lib/part.ts", "part();");
});

afterEach(() => rm(root, { recursive: true }));

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const hash = () => inputsHash(root, ["Dockerfile", "app"]);

describe("the hash of an image's inputs", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["a file's content", () => write("app/main.ts", "main(1);")],
    ["a new file", () => write("app/lib/more.ts", "")],
    ["a file's name", () => rm(join(root, "app/lib/part.ts")).then(() => write("app/lib/port.ts", "part();"))],
    ["an executable bit", () => chmod(join(root, "app/main.ts"), 0o755)],
    ["the Dockerfile", () => write("Dockerfile", "FROM scratch")],
  ])("changes with %s", async (_, change) => {
    const before = await hash();
    await change();
    expect(await hash()).not.toBe(before);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["a time", () => utimes(join(root, "app/main.ts"), 1, 1)],
    ["a test", () => write("app/main.test.ts", "test();")],
    ["what a tool left behind", () => write("app/node_modules/pad/index.js", "")],
    ["a file outside the inputs", () => write("docs/more.ts", "")],
  ])("stays with %s", async (_, change) => {
    const before = await hash();
    await change();
    expect(await hash()).toBe(before);
  });

  test("does not depend on the inputs' order, nor on one being named twice", async () => {
    expect(await inputsHash(root, ["app", "Dockerfile", "app/main.ts"])).toBe(await hash());
  });

  test("is an error when an input is not there", async () => {
    await expect(inputsHash(root, ["gone"])).rejects.toMatchObject({ code: "ENOENT" });
  });
});
