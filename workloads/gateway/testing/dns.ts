import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** A name server that knows one thing: every name is 127.0.0.1. It can fall silent, as one does that is lost. */
export class TestDns {
  readonly port: number;
  /** Questions that came. */
  asked = 0;
  answers = true;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (question, from) => {
      this.asked += 1;
      if (this.answers) socket.send(answerTo(question), from.port, from.address);
    });
  }

  static async start(): Promise<TestDns> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new TestDns(socket);
  }

  stop(): void {
    this.#socket.close();
  }
}

/** RFC 1035: the question again, and one A record that points to its name and is good for a second. */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 6);
  header.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat([header, question.subarray(12, end), record]);
}
