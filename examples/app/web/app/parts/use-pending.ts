"use client";

import { useCallback, useEffect, useState } from "react";
import { fate, type Pending, readPending } from "../platform/changes.ts";
import { ask } from "../platform/requests.ts";

const askEveryMs = 3_000;

/** Changes that were saved for later, over reloads, until the platform has made them or says that it cannot. */
export function usePending(user: string, settled: (failed: readonly Pending[]) => void) {
  const kept = `stemhub-pending-${user}`;
  const [pending, setPending] = useState<readonly Pending[]>(() => readPending(localStorage.getItem(kept)));
  useEffect(() => localStorage.setItem(kept, JSON.stringify(pending)), [kept, pending]);
  useEffect(() => {
    if (pending.length === 0) return;
    const timer = setTimeout(async () => {
      const fates = await Promise.all(pending.map(async (each) => ({ each, fate: await fateOf(each) })));
      const failed = fates.filter((one) => one.fate === "failed").map(({ each }) => each);
      const gone = new Set(fates.filter((one) => one.fate !== "waiting").map(({ each }) => each.key));
      if (gone.size > 0) settled(failed);
      // A new list in any case: it starts the next round.
      setPending((now) => now.filter(({ key }) => !gone.has(key)));
    }, askEveryMs);
    return () => clearTimeout(timer);
  }, [pending, settled]);
  const add = useCallback((one: Pending) => setPending((now) => [...now, one]), []);
  return { pending, add };
}

async function fateOf({ status }: Pending) {
  const told = await ask<{ state: string }>(status);
  if (told.kind === "done") return fate(told.value.state);
  return told.kind === "refused" && told.status === 404 ? fate(undefined) : "waiting";
}
