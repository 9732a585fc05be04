import { describe, expect, test } from "vitest";
import { stemhubKind } from "../../api/kinds.ts";
import type { StemHub } from "../../api/stemhub.ts";
import { settle } from "../../testing/clock.ts";
import { platform } from "../../testing/platform.ts";
import { aStemHub } from "../../testing/stemhub.ts";
import { kinds } from "../kinds.ts";

const repository = { endpoint: "https://s3.example", bucket: "kept", credentialsSecret: { name: "s3" } };

describe("given a StemHub with backups, when passes look at it", { timeout: 30_000 }, () => {
  test("then what its members mount is there before they are", async () => {
    const { pass, stop } = await platform(aStemHub({ backup: { repository } }));
    const made = (await pass()).writes.map(({ kind, name }) => `${kind} ${name}`);
    const members = made.indexOf("StatefulSet studio-db");
    for (const mounted of ["ConfigMap studio-backup", "Secret studio-backup-key", "Secret studio-backup-server-tls"]) {
      expect(made.indexOf(mounted), mounted).toBeGreaterThanOrEqual(0);
      expect(made.indexOf(mounted), mounted).toBeLessThan(members);
    }
    stop();
  });

  test("then BackupsRecoverable is there, and Ready does not wait for it", async () => {
    const { pass, server, stop } = await platform(aStemHub({ backup: { repository } }));
    await pass();
    const { status } = (await server.client().get(stemhubKind, "music", "studio")) as unknown as StemHub;
    const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
    expect(condition("BackupsRecoverable")).toMatchObject({ status: "Unknown", reason: "NotAsked" });
    expect(condition("Ready")?.reason).toBe("Starting");
    stop();
  });

  test("and the spec has none any more, then the configuration goes, and the passphrase stays", async () => {
    const { pass, server, stop } = await platform(aStemHub({ backup: { repository } }));
    await pass();
    const api = server.client();
    const live = await api.get(stemhubKind, "music", "studio");
    await api.patch(
      stemhubKind,
      "music",
      "studio",
      { spec: { ...(live?.spec as object), backup: null } },
      { type: "merge" },
    );
    await settle();
    await pass();
    expect(await api.get(kinds.configMap, "music", "studio-backup")).toBeUndefined();
    expect(await api.get(kinds.secret, "music", "studio-backup-key")).toBeDefined();
    const { status } = (await api.get(stemhubKind, "music", "studio")) as unknown as StemHub;
    expect(status?.conditions?.map(({ type }) => type)).not.toContain("BackupsRecoverable");
    stop();
  });
});
