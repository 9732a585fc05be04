"use client";

import { useCallback, useEffect, useState } from "react";
import { ask, change } from "../platform/requests.ts";
import { Notice } from "./notice.tsx";
import { Projects } from "./projects.tsx";
import { SignIn } from "./sign-in.tsx";
import { useMode } from "./use-mode.ts";

/** Who is signed in. */
interface Account {
  readonly id: string;
  readonly name: string;
}

/** The whole page: who is not signed in sees how to, everybody else their projects; and all what does not work. */
export function Studio({ signIn, signOut }: { readonly signIn: string; readonly signOut: string }) {
  const mode = useMode();
  const [account, setAccount] = useState<Account | "nobody">();
  const [told, setTold] = useState("");

  const look = useCallback(async () => {
    const found = await ask<Account>("/api/me");
    if (found.kind === "done") setAccount(found.value);
    else if (found.kind === "refused" && found.status === 401) setAccount("nobody");
    if (found.kind === "refused" && found.status !== 401) setTold(found.detail);
    else setTold("");
  }, []);
  // Whenever something changes, also what could not be told before may be told now.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the epoch is the reason to look again
  useEffect(() => void look(), [look, mode?.epoch]);

  async function leave() {
    const left = await change("POST", signOut, {}, crypto.randomUUID());
    if (left.kind === "refused") setTold(left.detail);
    await look();
  }

  return (
    <>
      <header>
        <h1>StemHub</h1>
        {account && account !== "nobody" ? (
          <p>
            {account.name}{" "}
            <button type="button" onClick={() => void leave()}>
              Sign out
            </button>
          </p>
        ) : null}
      </header>
      <main>
        <p className="told" role="alert">
          {told}
        </p>
        {account === "nobody" ? <SignIn path={signIn} done={look} /> : null}
        {account && account !== "nobody" ? <Projects key={account.id} user={account.id} mode={mode} /> : null}
      </main>
      <Notice mode={mode} />
    </>
  );
}
