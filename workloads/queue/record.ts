import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { type KeyRing, open, seal } from "./sealing.ts";
import { stateSchema, type Write, type WriteState, writeSchema } from "./write.ts";

/*
 * How a write lies in the stream. Two subjects a write, each with its newest message alone:
 *
 *   w.ID  the write: sealed metadata in a header, the sealed body as payload. Once it is finished: no body, and its
 *         last state in a header.
 *   s.ID  its state while it is not finished; absent while it is new. Status codes and times, nobody's data: not sealed,
 *         so that a write whose key is lost can still be told and dropped.
 */

/** Subject of a write, or of its state. */
export const writeSubject = (id: string): string => `w.${id}`;
export const stateSubject = (id: string): string => `s.${id}`;

/** What the stream takes. */
export const subjects = ["w.*", "s.*"];

const metaHeader = "Stemhub-Write";
const stateHeader = "Stemhub-State";

/** What is known of a message by its subject. */
export function parseSubject(subject: string): { readonly part: "write" | "state"; readonly id: string } | undefined {
  const id = subject.slice(2);
  if (subject.startsWith("w.")) return { part: "write", id };
  return subject.startsWith("s.") ? { part: "state", id } : undefined;
}

/** Headers and payload of a write that was just accepted. */
export function encodeWrite(ring: KeyRing, write: Write, body: Uint8Array): { headers: MsgHdrs; payload: Buffer } {
  return { headers: metaHeaders(ring, write), payload: seal(ring, body, `body ${write.id}`) };
}

/** Headers of a finished write: enough to answer its author, and the same key again. */
export function encodeFinished(ring: KeyRing, write: Write, state: WriteState): MsgHdrs {
  const all = metaHeaders(ring, write);
  all.set(stateHeader, JSON.stringify(state));
  return all;
}

/** Headers of a state. */
export function encodeState(state: WriteState): MsgHdrs {
  const all = headers();
  all.set(stateHeader, JSON.stringify(state));
  return all;
}

/** The write in a message's headers. @throws UnreadableError when no key opens it. */
export function decodeWrite(ring: KeyRing, id: string, from: MsgHdrs): Write {
  const sealed = Buffer.from(from.get(metaHeader), "base64url");
  return writeSchema.parse(JSON.parse(open(ring, sealed, `write ${id}`).toString()));
}

/** The state in a message's headers; undefined where there is none. */
export function decodeState(from: MsgHdrs | undefined): WriteState | undefined {
  const text = from?.get(stateHeader);
  return text ? stateSchema.parse(JSON.parse(text)) : undefined;
}

/** The body in a message's payload. @throws UnreadableError when no key opens it. */
export function decodeBody(ring: KeyRing, id: string, payload: Uint8Array): Buffer {
  return open(ring, payload, `body ${id}`);
}

function metaHeaders(ring: KeyRing, write: Write): MsgHdrs {
  const all = headers();
  all.set(metaHeader, seal(ring, Buffer.from(JSON.stringify(write)), `write ${write.id}`).toString("base64url"));
  return all;
}
