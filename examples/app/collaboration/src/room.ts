import { createDecoder, hasContent, readVarUint, readVarUint8Array } from "lib0/decoding";
import { createEncoder, type Encoder, length, toUint8Array, writeVarUint, writeVarUint8Array } from "lib0/encoding";
import type { WebSocket } from "ws";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import {
  messageYjsSyncStep1,
  messageYjsSyncStep2,
  messageYjsUpdate,
  readSyncStep1,
  writeSyncStep1,
  writeUpdate,
} from "y-protocols/sync";
import * as Y from "yjs";

/** Kinds of messages, as y-websocket's clients know them. */
const message = { sync: 0, awareness: 1, queryAwareness: 3 } as const;

/** Why a connection is closed. Yjs's own client does not come again after 4400 to 4499. */
export const close = {
  restart: 1012,
  badMessage: 4400,
  full: 4413,
} as const;

/** Bytes of one project's notes, as they are stored. Text of a whole album's sessions has some hundred thousand. */
const largestNotes = 4 * 1024 * 1024;
/** Bytes that wait for a client that does not read: beyond that it is dropped, and catches up when it comes again. */
const mostBuffered = 8 * 1024 * 1024;

/** What a connection may do, and whose cursors it has shown. */
interface Member {
  readonly mayWrite: boolean;
  readonly cursors: Set<number>;
}

/**
 * The notes of one project, and who is connected to them. Each update goes to everybody else at once; who was away is sent
 * what they miss and asked for what they have, so that all copies come to be the same.
 */
export class Room {
  readonly #doc = new Y.Doc();
  readonly #awareness = new Awareness(this.#doc);
  readonly #members = new Map<WebSocket, Member>();
  #bytes: number;

  /**
   * @param state as it was stored; undefined for a project without notes yet
   * @param changed called after each change of the notes
   *
   * Errors: when the state is none of Yjs's.
   */
  constructor(state: Uint8Array | undefined, changed: () => void) {
    if (state) Y.applyUpdate(this.#doc, state);
    this.#bytes = state?.length ?? 0;
    this.#awareness.setLocalState(null);
    this.#doc.on("update", (update: Uint8Array, origin: unknown) => {
      this.#bytes += update.length;
      this.#tell(
        sync((encoder) => writeUpdate(encoder, update)),
        origin,
      );
      changed();
    });
    this.#awareness.on("update", ({ added, updated, removed }: Record<string, number[]>, origin: unknown) => {
      const cursors = this.#members.get(origin as WebSocket)?.cursors;
      for (const id of added ?? []) cursors?.add(id);
      for (const id of removed ?? []) cursors?.delete(id);
      this.#tell(this.#cursors([...(added ?? []), ...(updated ?? []), ...(removed ?? [])]), origin);
    });
  }

  get size(): number {
    return this.#members.size;
  }

  /** The whole state, for storing. */
  encode(): Uint8Array {
    const state = Y.encodeStateAsUpdate(this.#doc);
    this.#bytes = state.length;
    return state;
  }

  join(socket: WebSocket, mayWrite: boolean): void {
    this.#members.set(socket, { mayWrite, cursors: new Set() });
    send(
      socket,
      sync((encoder) => writeSyncStep1(encoder, this.#doc)),
    );
    const present = [...this.#awareness.getStates().keys()];
    if (present.length > 0) send(socket, this.#cursors(present));
  }

  leave(socket: WebSocket): void {
    const member = this.#members.get(socket);
    this.#members.delete(socket);
    if (member) removeAwarenessStates(this.#awareness, [...member.cursors], null);
  }

  /** A message that is none closes the connection of its sender, and does nobody else any harm. */
  receive(socket: WebSocket, data: Uint8Array): void {
    try {
      this.#receive(socket, data);
    } catch {
      socket.close(close.badMessage, "not a message of Yjs");
    }
  }

  /** Ends every connection: clients come again. */
  closeAll(): void {
    for (const socket of this.#members.keys()) socket.close(close.restart, "the service restarts");
  }

  destroy(): void {
    this.#awareness.destroy();
    this.#doc.destroy();
  }

  #receive(socket: WebSocket, data: Uint8Array): void {
    const decoder = createDecoder(data);
    const kind = readVarUint(decoder);
    switch (kind) {
      case message.sync: {
        const step = readVarUint(decoder);
        if (step === messageYjsSyncStep1) {
          send(
            socket,
            sync((encoder) => readSyncStep1(decoder, encoder, this.#doc)),
          );
        } else if (step === messageYjsSyncStep2 || step === messageYjsUpdate) {
          this.#apply(socket, readVarUint8Array(decoder));
        } else {
          throw new Error(`sync message of kind ${step}`);
        }
        break;
      }
      case message.awareness:
        applyAwarenessUpdate(this.#awareness, readVarUint8Array(decoder), socket);
        break;
      case message.queryAwareness:
        send(socket, this.#cursors([...this.#awareness.getStates().keys()]));
        break;
      default:
        throw new Error(`message of kind ${kind}`);
    }
    if (hasContent(decoder)) throw new Error("a message that goes on after its end");
  }

  /** What a Viewer sends is passed over: their client sends its state by itself when it connects. */
  #apply(socket: WebSocket, update: Uint8Array): void {
    if (!this.#members.get(socket)?.mayWrite) return;
    if (this.#bytes + update.length > largestNotes && this.encode().length + update.length > largestNotes) {
      socket.close(close.full, "these notes are full");
      return;
    }
    Y.applyUpdate(this.#doc, update, socket);
  }

  #cursors(ids: number[]): Uint8Array {
    return encoded(message.awareness, (encoder) =>
      writeVarUint8Array(encoder, encodeAwarenessUpdate(this.#awareness, ids)),
    );
  }

  #tell(data: Uint8Array, except: unknown): void {
    for (const socket of this.#members.keys()) if (socket !== except) send(socket, data);
  }
}

function sync(write: (encoder: Encoder) => void): Uint8Array {
  return encoded(message.sync, write);
}

function encoded(kind: number, write: (encoder: Encoder) => void): Uint8Array {
  const encoder = createEncoder();
  writeVarUint(encoder, kind);
  const before = length(encoder);
  write(encoder);
  if (length(encoder) === before) throw new Error("nothing was written");
  return toUint8Array(encoder);
}

function send(socket: WebSocket, data: Uint8Array): void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > mostBuffered) socket.terminate();
  else socket.send(data);
}
