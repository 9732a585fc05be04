import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { type Collaboration, startCollaboration } from "./server.ts";

const project = "0af9dcbe-0000-4000-8000-000000000001";
const other = "0af9dcbe-0000-4000-8000-000000000002";

/** What the api says of whoever brings a token: `Bearer Editor` is an Editor of every project. */
let api: Server;
let asked: string[];
let apiStatus: number;
let folder: string;
let service: Collaboration;
const musicians: Musician[] = [];

/** Yjs's own client, as in a browser or plugin. */
class Musician {
  readonly doc = new Y.Doc();
  readonly provider: WebsocketProvider;

  readonly name: string;

  constructor(name: string, role = "Editor", room = project) {
    this.name = name;
    class Signed extends WebSocket {
      constructor(url: string) {
        super(url, { headers: { authorization: `Bearer ${role}` } });
      }
    }
    this.provider = new WebsocketProvider(`ws://127.0.0.1:${service.port}/collaboration`, room, this.doc, {
      WebSocketPolyfill: Signed as never,
      disableBc: true,
      maxBackoffTime: 100,
    });
    musicians.push(this);
  }

  get notes(): string {
    return this.doc.getText("notes").toString();
  }

  write(text: string): void {
    const notes = this.doc.getText("notes");
    notes.insert(notes.length, text);
  }

  goOffline(): void {
    this.provider.disconnect();
  }

  goOnline(): void {
    this.provider.connect();
  }

  get status(): Promise<number> {
    return new Promise((resolve) => this.provider.once("connection-error", (event) => resolve(statusOf(event))));
  }
}

function statusOf(event: unknown): number {
  return Number(/\d{3}/.exec((event as { message?: string }).message ?? "")?.[0] ?? 0);
}

const until = (assertion: () => void) => vi.waitFor(assertion, { timeout: 5_000, interval: 10 });

async function start(port = 0, pingEveryMs = 15_000): Promise<void> {
  const { port: apiPort } = api.address() as { port: number };
  service = await startCollaboration({ port, api: `http://127.0.0.1:${apiPort}`, folder, pingEveryMs });
}

beforeEach(async () => {
  asked = [];
  apiStatus = 200;
  folder = await mkdtemp(join(tmpdir(), "stemhub-notes-"));
  api = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? request.headers.cookie ?? ""}`);
    const role = request.headers.authorization?.split(" ")[1];
    response.writeHead(role ? apiStatus : 401, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ role }));
  });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  await start();
});

afterEach(async () => {
  for (const { provider, doc } of musicians.splice(0)) {
    provider.destroy();
    doc.destroy();
  }
  await service.close();
  api.closeAllConnections();
  api.close();
  await rm(folder, { recursive: true });
});

describe("notes that two write", () => {
  test("what one writes, the other sees, and neither anything of another project", async () => {
    const [ada, grace, eve] = [new Musician("Ada"), new Musician("Grace"), new Musician("Eve", "Editor", other)];
    ada.write("Louder drums. ");
    await until(() => expect(grace.notes).toBe("Louder drums. "));
    grace.write("Softer keys.");
    await until(() => expect(ada.notes).toBe("Louder drums. Softer keys."));
    expect(eve.notes).toBe("");
  });

  test("what both write while they are offline is merged when they come back, alike at both", async () => {
    const [ada, grace] = [new Musician("Ada"), new Musician("Grace")];
    ada.write("Verse. ");
    await until(() => expect(grace.notes).toBe("Verse. "));
    ada.goOffline();
    grace.goOffline();
    ada.write("Ada offline. ");
    grace.write("Grace offline. ");
    ada.goOnline();
    grace.goOnline();
    await until(() => {
      expect(ada.notes).toContain("Grace offline. ");
      expect(grace.notes).toBe(ada.notes);
      expect(ada.notes).toMatch(/^Verse\. .*Ada offline\. /);
    });
  });

  test("an outage of the service: both write on, and after it nothing is lost", async () => {
    const [ada, grace] = [new Musician("Ada"), new Musician("Grace")];
    ada.write("Before. ");
    await until(() => expect(grace.notes).toBe("Before. "));
    const { port } = service;
    await service.close();
    ada.write("Ada meanwhile. ");
    grace.write("Grace meanwhile. ");
    expect(ada.notes).not.toContain("Grace meanwhile");
    await start(port);
    await until(() => {
      expect(grace.notes).toBe(ada.notes);
      for (const part of ["Before. ", "Ada meanwhile. ", "Grace meanwhile. "]) expect(ada.notes).toContain(part);
    });
  });

  test("who comes when all have gone, and after a restart, finds the notes", async () => {
    const ada = new Musician("Ada");
    ada.write("Keep this.");
    await until(() => expect(ada.provider.synced).toBe(true));
    ada.goOffline();
    await until(async () => expect(await readdir(folder)).toEqual([`${project}.yjs`]));
    await service.close();
    await start();
    const grace = new Musician("Grace");
    await until(() => expect(grace.notes).toBe("Keep this."));
  });

  test("who edits is shown to the others, until they leave", async () => {
    const [ada, grace] = [new Musician("Ada"), new Musician("Grace")];
    ada.provider.awareness.setLocalStateField("name", "Ada");
    const seen = () => [...grace.provider.awareness.getStates().values()].map(({ name }) => name).filter(Boolean);
    await until(() => expect(seen()).toEqual(["Ada"]));
    ada.goOffline();
    await until(() => expect(seen()).toEqual([]));
  });
});

describe("who is let in", () => {
  test("a Viewer reads, and what they write reaches nobody", async () => {
    const [ada, viewer] = [new Musician("Ada"), new Musician("Linus", "Viewer")];
    ada.write("Mix 3. ");
    await until(() => expect(viewer.notes).toBe("Mix 3. "));
    viewer.write("No!");
    ada.write("Mix 4.");
    await until(() => expect(viewer.notes).toContain("Mix 4."));
    const grace = new Musician("Grace");
    await until(() => expect(grace.notes).toBe("Mix 3. Mix 4."));
  });

  test("the api is asked about the project in the name of whoever comes", async () => {
    const ada = new Musician("Ada");
    await until(() => expect(ada.provider.synced).toBe(true));
    expect(asked).toEqual([`/api/projects/${project} Bearer Editor`]);
  });

  test.each([
    { given: "a stranger to the project", apiSays: 404, status: 404 },
    { given: "a session that has ended", apiSays: 401, status: 401 },
    { given: "an api that fails", apiSays: 500, status: 503 },
  ])("$given is answered $status", async ({ apiSays, status }) => {
    apiStatus = apiSays;
    expect(await new Musician("Eve").status).toBe(status);
  });

  test("while the api is away nobody new comes in, and who is in goes on", async () => {
    const [ada, grace] = [new Musician("Ada"), new Musician("Grace")];
    await until(() => expect([ada.provider.synced, grace.provider.synced]).toEqual([true, true]));
    api.closeAllConnections();
    api.close();
    expect(await new Musician("Linus").status).toBe(503);
    ada.write("Still here.");
    await until(() => expect(grace.notes).toBe("Still here."));
  });

  test.each([
    { given: "another path", path: "/collaboration/drafts", headers: {}, status: 404 },
    { given: "a path that is none", path: "//", headers: {}, status: 404 },
    { given: "a way out of the folder", path: "/collaboration/..%2f..%2fetc", headers: {}, status: 404 },
    { given: "nobody in particular", path: `/collaboration/${project}`, headers: {}, status: 401 },
    {
      given: "a page of another site",
      path: `/collaboration/${project}`,
      headers: { authorization: "Bearer Editor", origin: "https://evil.example" },
      status: 403,
    },
  ])("$given is answered $status", async ({ path, headers, status }) => {
    const client = new WebSocket(`ws://127.0.0.1:${service.port}${path}`, { headers });
    const [error] = (await once(client, "error")) as [Error];
    expect(statusOf(error)).toBe(status);
  });
});

describe("what goes wrong", () => {
  async function connected(): Promise<WebSocket> {
    const client = new WebSocket(`ws://127.0.0.1:${service.port}/collaboration/${project}`, {
      headers: { authorization: "Bearer Editor", origin: `https://127.0.0.1:1` },
    });
    await once(client, "open");
    return client;
  }

  test.each([
    { given: "nothing", data: [] },
    { given: "a kind that is none", data: [9] },
    { given: "a step that is none", data: [0, 7, 0] },
    { given: "an update that is none", data: [0, 2, 3, 255, 255, 255] },
    { given: "a length that lies", data: [0, 2, 200, 1] },
    { given: "cursors that are none", data: [1, 2, 255, 255] },
  ])("$given ends the connection of its sender, and nobody else's", async ({ data }) => {
    const ada = new Musician("Ada");
    await until(() => expect(ada.provider.synced).toBe(true));
    const eve = await connected();
    eve.send(new Uint8Array(data));
    expect(((await once(eve, "close")) as [number])[0]).toBe(4400);
    expect(ada.provider.wsconnected).toBe(true);
  });

  test("a message that is too large ends its connection", async () => {
    const eve = await connected();
    eve.send(new Uint8Array(1024 * 1024 + 1));
    expect(((await once(eve, "close")) as [number])[0]).toBe(1009);
  });

  test("notes that are full take no more, and are still to be read", async () => {
    const ada = new Musician("Ada");
    await until(() => expect(ada.provider.synced).toBe(true));
    const closed = new Promise((resolve) => ada.provider.once("connection-close", (event) => resolve(event?.code)));
    for (let part = 0; part < 5; part++) ada.write("x".repeat(900_000));
    expect(await closed).toBe(4413);
    const grace = new Musician("Grace");
    await until(() => expect(grace.notes.length).toBe(4 * 900_000));
  });

  test("notes that cannot be read are not opened, and not written over", async () => {
    await writeFile(join(folder, `${project}.yjs`), "noise");
    const client = await connected();
    expect(((await once(client, "close")) as [number])[0]).toBe(1011);
    expect(await readdir(folder)).toEqual([`${project}.yjs`]);
  });

  test("a client that vanished is dropped, and its cursor goes with it", async () => {
    await service.close();
    await start(0, 200);
    const [ada, grace] = [new Musician("Ada"), new Musician("Grace")];
    ada.provider.awareness.setLocalStateField("name", "Ada");
    const seen = () => [...grace.provider.awareness.getStates().values()].map(({ name }) => name).filter(Boolean);
    await until(() => expect(seen()).toEqual(["Ada"]));
    ada.provider.shouldConnect = false;
    (ada.provider.ws as unknown as WebSocket).pause();
    await until(() => expect(seen()).toEqual([]));
  });

  test("it is ready while notes can be stored", async () => {
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${service.port}${path}`)).status;
    expect(await status("/readyz")).toBe(200);
    await rm(folder, { recursive: true });
    expect([await status("/readyz"), await status("/healthz")]).toEqual([503, 200]);
    folder = await mkdtemp(join(tmpdir(), "stemhub-notes-"));
  });
});
