"use client";

import { useEffect, useState } from "react";
import { followMode, type ModeDocument, newer } from "../platform/mode.ts";

/** What works now; undefined until it is known. */
export function useMode(): ModeDocument | undefined {
  const [mode, setMode] = useState<ModeDocument>();
  useEffect(() => {
    const ended = new AbortController();
    followMode((told) => setMode((seen) => newer(seen, told)), ended.signal);
    return () => ended.abort();
  }, []);
  return mode;
}
