"use client";

import { type ModeDocument, sentences } from "../platform/mode.ts";

/** What does not work now. It is always in the page, so that screen readers follow it, and covers room that is kept free. */
export function Notice({ mode }: { readonly mode: ModeDocument | undefined }) {
  return (
    <p className="notice" role="status" aria-live="polite" data-epoch={mode?.epoch}>
      {sentences(mode).join(" · ")}
    </p>
  );
}
