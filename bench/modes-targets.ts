import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import type { KeyPair } from "../operator/stemhub/pki/certificates.ts";

/** What a thousand StemHubs' probes ask, in one process. */
export interface Targets {
  readonly postgresPort: number;
  /** Services, and buckets. */
  readonly httpPort: number;
  /** From now on services and storage answer nothing, or do again. */
  hang(hangs: boolean): void;
  close(): void;
}

/**
 * Fake targets: as little of PostgreSQL and S3 as the probes need, over real connections and TLS, since that is what asking
 * costs. Where they lie: everything is answered at once, and nothing is stored.
 */
export async function startTargets(database: KeyPair): Promise<Targets> {
  const context = createSecureContext({ cert: database.certificate, key: database.key });
  const postgres = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    // An SSLRequest, eight bytes, and then TLS.
    socket.once("data", () => {
      socket.write("S");
      speak(new TLSSocket(socket, { isServer: true, secureContext: context }));
    });
  });
  let hangs = false;
  const http = createHttpServer((request, response) => {
    request.resume();
    request.once("end", () => {
      if (hangs) return;
      response.end(request.method === "GET" ? "canary" : undefined);
    });
  });
  return {
    postgresPort: await listening(postgres),
    httpPort: await listening(http),
    hang: (value) => {
      hangs = value;
      if (!value) http.closeAllConnections();
    },
    close: () => {
      postgres.close();
      http.close();
      http.closeAllConnections();
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

/** One message of PostgreSQL's protocol: its kind, its length, its body. */
function message(kind: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const int32 = (value: number) => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};
const text = (value: string) => Buffer.from(`${value}\0`);
const ready = message("Z", Buffer.from("I"));
const textType = 25;
const boolType = 16;

/** One row, by column: its type and its text. */
type FakeRow = Readonly<Record<string, readonly [type: number, value: string | null]>>;

function rowMessages(row: FakeRow): Buffer {
  const columns = Object.entries(row);
  const fields = columns.flatMap(([name, [type]]) => [
    text(name),
    int32(0),
    int16(0),
    int32(type),
    int16(-1 & 0xffff),
    int32(-1),
    int16(0),
  ]);
  const values = columns.flatMap(([, [, value]]) =>
    value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
  );
  return Buffer.concat([
    message("T", int16(columns.length), ...fields),
    message("D", int16(columns.length), ...values),
    message("C", text("SELECT 1")),
    ready,
  ]);
}

const jsonType = 114;
const answers: readonly (readonly [of: string, Buffer])[] = [
  ["pg_is_in_recovery() AS replica", rowMessages({ replica: [boolType, "f"] })],
  [
    "stemhub.volume",
    rowMessages({ blocks: [textType, "1000"], available_blocks: [textType, "600"], replayed: [textType, null] }),
  ],
  [
    "oldest_wal",
    rowMessages({
      used: [textType, "3"],
      most: [textType, "194"],
      oldest: [jsonType, null],
      oldest_wal: [textType, "0000000100000002"],
      standbys: [jsonType, "[]"],
    }),
  ],
];
const updated = Buffer.concat([message("C", text("UPDATE 1")), ready]);

/** Everybody is let in; each statement has its answer. */
function speak(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  let begun = false;
  socket.on("data", (data: Buffer) => {
    if (!begun) {
      begun = true;
      socket.write(Buffer.concat([message("R", int32(0)), ready]));
      return;
    }
    if (data[0] !== "Q".charCodeAt(0)) return;
    const statement = data.toString("utf8", 5);
    socket.write(answers.find(([of]) => statement.includes(of))?.[1] ?? updated);
  });
}
