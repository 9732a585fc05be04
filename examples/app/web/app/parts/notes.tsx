"use client";

import { type ChangeEvent, useEffect, useRef, useState } from "react";
import { IndexeddbPersistence } from "y-indexeddb";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { edit } from "../platform/notes.ts";

/**
 * A project's notes, written together. While nobody can be reached they are written on here, and kept over a reload; all
 * copies are merged afterwards.
 */
export function Notes({ project }: { readonly project: string }) {
  const [text, setText] = useState("");
  const shared = useRef<Y.Text>(undefined);

  useEffect(() => {
    const doc = new Y.Doc();
    const notes = doc.getText("notes");
    const kept = new IndexeddbPersistence(`stemhub-notes-${project}`, doc);
    const service = `${location.origin.replace(/^http/, "ws")}/collaboration`;
    const provider = new WebsocketProvider(service, project, doc);
    notes.observe(() => setText(notes.toString()));
    shared.current = notes;
    return () => {
      provider.destroy();
      void kept.destroy();
      doc.destroy();
    };
  }, [project]);

  function write(event: ChangeEvent<HTMLTextAreaElement>) {
    const notes = shared.current;
    const made = notes && edit(notes.toString(), event.target.value);
    if (!made) return;
    notes.doc?.transact(() => {
      notes.delete(made.at, made.deleted);
      notes.insert(made.at, made.inserted);
    });
  }

  return (
    <label>
      Notes
      <textarea rows={4} value={text} onChange={write} />
    </label>
  );
}
