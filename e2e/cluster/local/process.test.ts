import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Service, Services } from "./process.ts";

const sleeper: Service = { name: "sleeper", command: ["sleep", "60"] };

describe("the processes of a cluster", () => {
  let directory: string;
  let services: Services;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "services-"));
    services = new Services(join(directory, "processes"), join(directory, "log"), "");
  });

  afterEach(async () => {
    for (const { name } of await services.all()) await services.stop(name, 0);
    await rm(directory, { recursive: true });
  });

  test("one that is just being started has not died", async () => {
    let started = false;
    const starting = services.ensure(sleeper).finally(() => {
      started = true;
    });
    while (!started) {
      await services.assertAlive();
      await setImmediate();
    }
    await starting;
    expect(await services.all()).toEqual([{ name: "sleeper", running: true }]);
  });

  test("one that ended by itself has died, and its last words are told", async () => {
    await services.ensure({ name: "quitter", command: ["sh", "-c", "echo no such flag; sleep 0.2"] });
    await expect
      .poll(() => services.assertAlive().then(() => "alive", String))
      .toMatch(/quitter has died; its log is .*quitter\.log\nno such flag/);
  });

  test("one that another program started is found, and not started again", async () => {
    await services.ensure(sleeper);
    const later = new Services(join(directory, "processes"), join(directory, "log"), "");
    await later.ensure(sleeper);
    await later.assertAlive();
    await later.stop("sleeper", 0);
    expect(await services.all()).toEqual([]);
  });
});
