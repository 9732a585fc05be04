import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { roleIn } from "./access.ts";
import { log } from "./log.ts";
import { NotesFiles } from "./notes-files.ts";
import { Rooms } from "./rooms.ts";

/** A service that runs. */
export interface Collaboration {
  readonly port: number;
  /** Ends every connection, stores everything, and resolves when it is done. */
  close(): Promise<void>;
}

/** Where things are, and how patient the service is. */
export interface Options {
  /** 0 for any that is free. */
  readonly port: number;
  /** Where the api answers: `http://studio-api`. */
  readonly api: string;
  /** Where notes are stored: a folder that no other process writes to. */
  readonly folder: string;
  /** A client that has not answered for between one and two of these is taken for gone. */
  readonly pingEveryMs?: number;
}

const largestMessage = 1024 * 1024;
const mostConnections = 2_000;
const path = /^\/collaboration\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Serves notes at `/collaboration/PROJECT` by WebSocket, as y-websocket's clients speak it. */
export async function startCollaboration(options: Options): Promise<Collaboration> {
  const files = new NotesFiles(options.folder);
  const rooms = new Rooms(files);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessage });
  const http = createServer((request, response) => {
    void answer(request, files).then((status) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ status: STATUS_CODES[status] }));
    });
  });
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    void admit(request, sockets, options.api).then((verdict) => {
      if (typeof verdict === "number") return refuse(socket, verdict);
      const { project, mayWrite } = verdict;
      sockets.handleUpgrade(request, socket, head, (client) => void connect(client, project, mayWrite, rooms));
    });
  });
  const pings = pingAll(sockets, options.pingEveryMs ?? 15_000);
  await listen(http, options.port);
  return {
    port: (http.address() as { port: number }).port,
    async close() {
      clearInterval(pings);
      const closed = new Promise((resolve) => http.close(resolve));
      await rooms.close();
      for (const client of sockets.clients) client.terminate();
      await closed;
    },
  };
}

/** `/healthz`: the process answers. `/readyz`: notes can be stored. */
async function answer(request: IncomingMessage, files: NotesFiles): Promise<number> {
  if (request.url === "/healthz") return 200;
  if (path.test(request.url ?? "")) return 426;
  if (request.url !== "/readyz") return 404;
  return files.check().then(
    () => 200,
    () => 503,
  );
}

async function admit(
  request: IncomingMessage,
  sockets: WebSocketServer,
  api: string,
): Promise<{ project: string; mayWrite: boolean } | number> {
  const project = path.exec(request.url?.split("?")[0] ?? "")?.[1];
  if (!project) return 404;
  if (sockets.clients.size >= mostConnections) return 503;
  const verdict = await roleIn(project, request, api);
  return "refused" in verdict ? verdict.refused : { project, mayWrite: verdict.role !== "Viewer" };
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** What a client says before its room is loaded waits for that. */
async function connect(client: WebSocket, project: string, mayWrite: boolean, rooms: Rooms): Promise<void> {
  client.pause();
  client.on("error", (error) => log("a connection broke", { project, reason: error.message }));
  try {
    await rooms.enter(project, (room) => {
      client.on("message", (data: Buffer) => room.receive(client, data));
      client.on("close", () => {
        room.leave(client);
        void rooms.left(project);
      });
      room.join(client, mayWrite);
    });
    // It may have gone while its room was loaded, before anybody listened.
    if (client.readyState === client.CLOSED) client.emit("close");
  } catch (error) {
    log("notes cannot be opened", { project, reason: (error as Error).message });
    client.close(1011, "these notes cannot be opened");
  } finally {
    client.resume();
  }
}

/** A connection whose other end has vanished looks open for a quarter of an hour. */
function pingAll(sockets: WebSocketServer, everyMs: number): NodeJS.Timeout {
  const silent = new WeakSet<WebSocket>();
  return setInterval(() => {
    for (const client of sockets.clients) {
      if (silent.has(client)) {
        client.terminate();
        continue;
      }
      silent.add(client);
      client.once("pong", () => silent.delete(client));
      client.ping();
    }
  }, everyMs);
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, () => resolve());
  });
}
